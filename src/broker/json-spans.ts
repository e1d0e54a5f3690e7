/** One member of a JSON object, and where it stands in the text. */
export interface MemberSpan {
  readonly name: string;
  /** Of the opening quote of the name. */
  readonly start: number;
  readonly valueStart: number;
  /** One past the value. */
  readonly valueEnd: number;
}

/**
 * The members of the object that starts at `start`, in order, duplicates included. `text` must be valid JSON (it has been
 * parsed before): this finds places, it does not validate. Needed to change a known member and keep every other byte, and
 * to see duplicate names, which a parser hides and another parser may read differently.
 */
export function membersOf(text: string, start: number): readonly MemberSpan[] {
  const members: MemberSpan[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    members.push({ name: JSON.parse(text.slice(at, nameEnd)) as string, start: at, valueStart, valueEnd });
    at = skipSpace(text, valueEnd);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

/** Where the text's value begins. */
export function valueStart(text: string): number {
  return skipSpace(text, 0);
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') return endOfScalar(text, start);
  // Without recursion: how deep a value is nested is the sender's choice.
  let depth = 0;
  for (let at = start; ; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x22) at = endOfString(text, at) - 1;
    else if (char === 0x7b || char === 0x5b) depth++;
    else if ((char === 0x7d || char === 0x5d) && --depth === 0) return at + 1;
  }
}

/** By searching, not by walking: texts are long, and quotes in them few. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text.charCodeAt(quote - 1 - escapes) === 0x5c) escapes++;
    // An even number of backslashes are backslashes; the opening quote ends the search.
    if (escapes % 2 === 0) return quote + 1;
  }
}

function endOfScalar(text: string, start: number): number {
  let at = start;
  while (at < text.length && !',}] \t\n\r'.includes(text.charAt(at))) at++;
  return at;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (' \t\n\r'.includes(text.charAt(at)) && at < text.length) at++;
  return at;
}
