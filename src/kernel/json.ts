/** What JSON can say. Records in the store and bodies on the wire are of this type before they are validated. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses, or answers `undefined`: malformed JSON from outside is expected, not exceptional. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** The string, or '' for what is none: for members of JSON that was not checked by a schema. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
