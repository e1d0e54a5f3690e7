/**
 * JSON Canonicalization Scheme (RFC 8785): one text per JSON value, for digests and signatures.
 * Object members whose value is `undefined` are left out, as `JSON.stringify` does. JavaScript's own number and string
 * forms are the ones the RFC demands (§3.2.2), and its default sort compares UTF-16 units (§3.2.3).
 * Throws a `TypeError` for what JSON cannot say (a function, a bigint, NaN, a bare `undefined`): our bug, not a caller's.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    let members = '';
    for (const name of Object.keys(value).toSorted()) {
      const member: unknown = (value as Readonly<Record<string, unknown>>)[name];
      if (member === undefined) continue;
      members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
    }
    return `{${members}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON form`);
  return text;
}
