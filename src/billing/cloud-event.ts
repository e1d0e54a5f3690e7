import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';

/** Rules that CloudEvents 1.0.2 has for any event, whatever it is about: its core and its JSON Event Format. */

const dataMembers = new Set(['data', 'data_base64']);
const maxInteger = 2 ** 31;

/** What is wrong with an attribute's name (“Attribute Naming Convention”) or value (“Type System”), if anything. */
export function strangeAttribute(event: JsonObject): string | undefined {
  for (const name of Object.keys(event)) {
    if (dataMembers.has(name)) continue;
    const value = event[name];
    if (!/^[a-z0-9]+$/.test(name)) return `${name.slice(0, 40)}: an attribute’s name has only a-z and 0-9`;
    if (typeof value === 'string' ? !isString(value) : !isOtherType(value))
      return `${name.slice(0, 40)}: must be a string without control characters, a whole number or a boolean`;
  }
  return undefined;
}

function isOtherType(value: JsonValue | undefined): boolean {
  if (value === null || typeof value === 'boolean') return true;
  return Number.isInteger(value) && Number(value) >= -maxInteger && Number(value) < maxInteger;
}

/** No control characters, no half of a surrogate pair, no noncharacters. */
function isString(text: string): boolean {
  return !/[\p{Cc}\p{Cs}\p{NChar}]/u.test(text);
}

/** An attribute that is null is not there (JSON Event Format §2.2). `data` is none: its null is a value (§3.1.1). */
export function unsetNulls(event: JsonObject): JsonObject {
  if (!Object.values(event).includes(null)) return event;
  return Object.fromEntries(
    Object.entries(event).filter(([name, member]) => member !== null || name === 'data'),
  );
}

/** JSON that came as bytes (`data_base64`) as if it had come as JSON (§3.1.2). */
export function withDecodedData(event: JsonObject): Result<JsonObject, string> {
  if (!('data_base64' in event)) return ok(event);
  const { data_base64: encoded, ...rest } = event;
  if ('data' in event) return err('data_base64: cannot be beside data');
  const data = typeof encoded === 'string' ? decode(encoded) : undefined;
  return isJsonObject(data) ? ok({ ...rest, data }) : err('data_base64: must be a JSON object in base64');
}

function decode(encoded: string): JsonValue | undefined {
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return undefined;
  return parseJson(bytes.toString('utf8'));
}
