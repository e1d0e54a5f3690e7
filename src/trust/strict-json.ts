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

/** Walks the text once, without recursion. Only called on what `JSON.parse` then also has to accept. */
function isShallowAndUnique(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  const strings = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  for (const { 0: token, index } of text.matchAll(strings)) {
    if (token === '{' || token === '[') {
      if (open.length === maxDepth) return false;
      open.push(token === '{' ? new Set() : undefined);
    } else if (token === '}' || token === ']') open.pop();
    else if (/^\s*:/.test(text.slice(index + token.length, index + token.length + 64))) {
      const name = unquote(token);
      const names = open.at(-1);
      if (name === undefined || names === undefined || names.has(name)) return false;
      names.add(name);
    }
  }
  return true;
}

function unquote(token: string): string | undefined {
  try {
    return JSON.parse(token) as string;
  } catch {
    return undefined;
  }
}
