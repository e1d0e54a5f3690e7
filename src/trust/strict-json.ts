import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts';

const maxDepth = 32;

/**
 * A JSON object in which no object has a member twice and nothing is nested deeper than 32 levels; else `undefined`.
 * `JSON.parse` keeps the last of duplicates, others the first: a token that means two things is refused (RFC 7519 §4).
 */
export function parseStrictObject(text: string): JsonObject | undefined {
  const value = parseJson(text);
  return isJsonObject(value) && isShallowAndUnique(text) ? value : undefined;
}

/** Walks the text once, without recursion. It is JSON: on anything else the patterns could take quadratic time. */
function isShallowAndUnique(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  const strings = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  const colon = /\s*:/y;
  for (const { 0: token, index } of text.matchAll(strings)) {
    if (token === '{' || token === '[') {
      if (open.length === maxDepth) return false;
      open.push(token === '{' ? new Set() : undefined);
    } else if (token === '}' || token === ']') open.pop();
    else {
      // A string before a colon is a member's name, however far away the colon is.
      colon.lastIndex = index + token.length;
      if (!colon.test(text)) continue;
      const name = JSON.parse(token) as string;
      const names = open.at(-1);
      if (names === undefined || names.has(name)) return false;
      names.add(name);
    }
  }
  return true;
}
