import { isJsonObject, type JsonObject } from '../kernel/json.ts';

const maxDepth = 32;

/**
 * A JSON object in which no object has a member twice and nothing is nested deeper than 32 levels; else `undefined`.
 * `JSON.parse` keeps the last of duplicates, others the first: a token that means two things is refused (RFC 7519 §4).
 */
export function parseStrictObject(text: string): JsonObject | undefined {
  if (!isShallowAndUnique(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Walks the text once, character by character and without recursion: this runs on what strangers send, before any signature
 * was checked. Only called on what `JSON.parse` then also has to accept.
 */
function isShallowAndUnique(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') {
      if (open.length === maxDepth) return false;
      open.push(char === '{' ? new Set() : undefined);
    } else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      if (end === undefined) return false;
      if (isName(text, end) && !addName(open.at(-1), text.slice(at, end))) return false;
      at = end - 1;
    }
  }
  return true;
}

/** One past the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return undefined;
}

/** A string is a member's name when a colon follows, after however much space. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
  return text[at] === ':';
}

/** Names are compared as what they say, not as they are written: `"aud"` is `"\u0061ud"`. */
function addName(names: Set<string> | undefined, written: string): boolean {
  const name = unquote(written);
  if (name === undefined || names === undefined || names.has(name)) return false;
  names.add(name);
  return true;
}

function unquote(written: string): string | undefined {
  try {
    return JSON.parse(written) as string;
  } catch {
    return undefined;
  }
}
