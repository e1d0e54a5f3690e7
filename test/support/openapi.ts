import { isJsonObject, type JsonObject, type JsonValue } from '../../src/kernel/json.ts';

/** One operation of an OpenAPI document, with `$ref`s resolved. */
export interface Operation {
  /** `POST /v1/tenants` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operationId: string | undefined;
  readonly isSecured: boolean;
  readonly parameters: readonly Parameter[];
  /** Content type to schema. */
  readonly bodies: Readonly<Record<string, Schema>>;
  readonly isBodyRequired: boolean;
  readonly statuses: readonly number[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string | undefined;
  readonly schema: Schema;
}

export type Schema = JsonObject;

export function operationsOf(document: JsonObject): readonly Operation[] {
  const rooted = (value: JsonValue | undefined): JsonObject => resolve(document, value);
  return Object.entries(rooted(document['paths'])).flatMap(([path, methods]) =>
    Object.entries(rooted(methods)).map(([method, value]) => {
      const operation = rooted(value);
      const security = (operation['security'] ?? document['security'] ?? []) as readonly unknown[];
      const body = rooted(operation['requestBody']);
      return {
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        operationId: operation['operationId'] as string | undefined,
        isSecured: security.length > 0,
        parameters: ((operation['parameters'] ?? []) as readonly JsonValue[]).map(
          (parameter) => rooted(parameter) as unknown as Parameter,
        ),
        bodies: Object.fromEntries(
          Object.entries(rooted(body['content'])).map(([type, media]) => [
            type,
            deref(document, rooted(media)['schema']),
          ]),
        ),
        isBodyRequired: body['required'] === true,
        statuses: Object.keys(rooted(operation['responses'])).map(Number),
      };
    }),
  );
}

function resolve(document: JsonObject, value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) return {};
  const ref = value['$ref'];
  if (typeof ref !== 'string') return value;
  let found: JsonValue | undefined = document;
  for (const step of ref.replace('#/', '').split('/')) found = isJsonObject(found) ? found[step] : undefined;
  return resolve(document, found);
}

/** The schema with every `$ref` in it replaced by what it names. */
function deref(document: JsonObject, schema: JsonValue | undefined): Schema {
  const walk = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(resolve(document, value)).map(([name, member]) => [name, walk(member)]),
    );
  };
  return walk(resolve(document, schema)) as Schema;
}

/** Tried in turn where a schema wants a pattern. */
const samples = [
  'sample',
  'sample/agent',
  'provider:sample',
  '2026-01',
  'EUR',
  'a2a:invoke',
  'A'.repeat(43),
  'urn:example:sample',
  'https://sample.example/x',
  'application/json',
  'sample.example',
  '12.5',
];
const formats: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T12:00:00Z',
  email: 'someone@sample.example',
  uri: 'https://sample.example/x',
};

/**
 * A value that fits the schema, with every property, or only the required ones. What a schema cannot say (exactly one of two)
 * it does not know.
 */
export function exampleOf(schema: Schema, which: 'all' | 'required' = 'all'): JsonValue {
  if ('const' in schema) return schema['const'] ?? null;
  if (Array.isArray(schema['enum'])) return schema['enum'][0] as JsonValue;
  if (schema['example'] !== undefined) return schema['example'];
  for (const union of ['oneOf', 'anyOf', 'allOf'])
    if (Array.isArray(schema[union])) return exampleOf(schema[union][0] as Schema, which);
  const [type] = [schema['type']].flat();
  switch (type) {
    case 'string':
      return textFor(schema);
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 1;
    case 'boolean':
      return true;
    case 'array':
      return [exampleOf((schema['items'] ?? {}) as Schema, which)];
    case 'object':
      return objectFor(schema, which);
    default:
      return 'sample';
  }
}

function textFor(schema: Schema): string {
  const { pattern, format } = schema;
  if (typeof format === 'string' && formats[format] !== undefined) return formats[format];
  if (typeof pattern !== 'string') return 'sample';
  const fitting = samples.find((sample) => new RegExp(pattern).test(sample));
  if (fitting === undefined) throw new Error(`none of the samples fits ${pattern}: add one`);
  return fitting;
}

function objectFor(schema: Schema, which: 'all' | 'required'): JsonObject {
  const required = (schema['required'] ?? []) as readonly string[];
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const entries = properties
    .filter(([name]) => which === 'all' || required.includes(name))
    .map(([name, property]): [string, JsonValue] => [name, exampleOf(property, which)]);
  const more = schema['additionalProperties'];
  if (isJsonObject(more) && entries.length === 0) entries.push(['sample', exampleOf(more, which)]);
  return Object.fromEntries(entries);
}
