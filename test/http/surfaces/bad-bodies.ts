import type { JsonObject, JsonValue } from '../../../src/kernel/json.ts';
import { exampleOf, type Schema } from '../../support/openapi.ts';

/** A request that must be refused. */
export interface Bad {
  /** What is wrong with it. */
  readonly what: string;
  readonly path?: string;
  readonly type?: string | undefined;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the problem is to be found, by JSON Pointer. */
  readonly pointer?: string;
}

export const tenMegabytes = Buffer.from(JSON.stringify({ filler: 'x'.repeat(10 << 20) }));
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** What is wrong whatever the operation wants. */
export function malformed(type: string, example: string): readonly Bad[] {
  return [
    ...['{', '{"a":', '{a:1}', '{"a":1}}', '{"a":01}', "{'a':1}", 'NaN', 'undefined', '{"a":1,}'].map(
      (body) => ({
        what: `broken JSON: ${body}`,
        type,
        body,
      }),
    ),
    ...['null', 'true', '1', '"text"', '[]', '[{}]'].map((body) => ({
      what: `another type: ${body}`,
      type,
      body,
    })),
    {
      what: 'bytes that are no UTF-8',
      type,
      body: Buffer.from(
        example.replace(/"}$|}$/, (end) => (end === '}' ? ',"\xff":1}' : '\xff"}')),
        'latin1',
      ),
    },
    { what: '10 MB', type, body: tenMegabytes },
    { what: 'nesting', type, body: deep(100_000) },
    { what: 'nesting in a member', type, body: `{"a":${deep(1000)}}` },
    { what: 'no content type', body: example },
    ...[
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'application/jsonx',
      'application/json; charset=utf-16',
    ].map((wrong) => ({ what: `the content type ${wrong}`, type: wrong, body: example })),
    { what: 'the member __proto__', type, body: `{"__proto__":{"admin":true},${example.slice(1)}` },
    { what: 'an unknown member', type, body: `{"noSuchMember":1,${example.slice(1)}` },
  ];
}

const valuesOfTypes: Readonly<Record<string, JsonValue>> = {
  null: null,
  boolean: true,
  number: 12.5,
  string: '\u0000',
  array: [[]],
  object: { '': 0 },
};

/** Each member with a value of each type that is not its own, and beyond its bounds. */
export function mistyped(schema: Schema, type: string): readonly Bad[] {
  const example = exampleOf(schema) as JsonObject;
  return Object.entries((schema['properties'] ?? {}) as Record<string, Schema>).flatMap(
    ([name, property]) => {
      const types = typesOf(property);
      const wrong = Object.entries(valuesOfTypes).filter(([other]) => types.size > 0 && !types.has(other));
      const values = [...wrong.map(([, value]) => value), ...beyond(property)];
      return values.map((value) => ({
        what: `${name}: ${JSON.stringify(value).slice(0, 60)}`,
        type,
        body: JSON.stringify({ ...example, [name]: value }),
        pointer: `/${name}`,
      }));
    },
  );
}

/** JSON's own types that fit; none when the schema takes anything. */
function typesOf(schema: Schema): ReadonlySet<string> {
  for (const union of ['anyOf', 'oneOf'])
    if (Array.isArray(schema[union]))
      return new Set(schema[union].flatMap((member) => [...typesOf(member as Schema)]));
  const declared = [schema['type'] ?? []].flat().map(String);
  const values = 'const' in schema ? [schema['const']] : [schema['enum'] ?? []].flat();
  return new Set([
    ...declared.map((type) => (type === 'integer' ? 'number' : type)),
    ...values.map((value) => (value === null ? 'null' : typeof value)),
  ]);
}

function beyond(schema: Schema): readonly JsonValue[] {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems } = schema;
  return [
    ...(typeof maxLength === 'number' ? ['x'.repeat(maxLength + 1)] : []),
    ...(typeof minLength === 'number' && minLength > 0 ? [''] : []),
    ...(typeof minimum === 'number' ? [minimum - 1] : []),
    ...(typeof maximum === 'number' ? [maximum + 1] : []),
    ...(typeof maxItems === 'number'
      ? [Array.from({ length: maxItems + 1 }, () => exampleOf((schema['items'] ?? {}) as Schema))]
      : []),
    ...(typeof minItems === 'number' && minItems > 0 ? [[]] : []),
  ];
}
