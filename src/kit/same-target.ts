/** Whether two http(s) URIs name the same target, query and fragment aside (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3). */
export function isSameTarget(sent: string, expected: string): boolean {
  return sent === expected || (normalForm(sent) ?? '') === normalForm(expected);
}

function normalForm(text: string): string | undefined {
  // The parser would mend what is no URI: spaces and line ends go, backslashes turn.
  if (!/^https?:\/\/[\x21-\x5b\x5d-\x7e]{1,2048}$/i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, username, password } = new URL(text);
  if (username !== '' || password !== '') return undefined;
  return origin + pathname.replaceAll(/%[0-9a-f]{2}/gi, decodeUnreserved);
}

function decodeUnreserved(escape: string): string {
  const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(char) ? char : escape.toUpperCase();
}
