import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/kernel/json.ts';
import { exampleOf, type Operation, operationsOf, type Schema } from '../support/openapi.ts';
import { type Furnished, furnish } from './surfaces/furnished.ts';

let world: Furnished;
let document: JsonObject;
let operations: readonly Operation[];
beforeAll(async () => {
  world = await furnish();
  document = (await (await fetch(`${world.market.url}/openapi.json`)).json()) as JsonObject;
  operations = operationsOf(document);
});
afterAll(() => world.close());

const description = z.string().regex(/\S/);
const media = z.strictObject({ schema: z.looseObject({}) });
const content = z.record(z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/), media);

/** The parts of OpenAPI 3.1.1 that we use, closed: what is not here is a mistake, or new. */
const openApi = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({
    title: z.string(),
    version: z.string().regex(/^\d+\.\d+\.\d+/),
    description,
    license: z.strictObject({ name: z.string(), url: z.url() }),
  }),
  servers: z.tuple([z.strictObject({ url: z.url() })]),
  tags: z.array(z.strictObject({ name: z.string(), description })),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  webhooks: z.strictObject({}).optional(),
  components: z.strictObject({
    schemas: z.record(z.string().regex(/^[A-Za-z0-9]+$/), z.looseObject({})),
    parameters: z.strictObject({}),
    securitySchemes: z.record(
      z.string(),
      z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), description }),
    ),
  }),
  paths: z.record(
    z.string().regex(/^\/(?:[\w.-]+|\{\w+\})(?:\/(?:[\w.-]+|\{\w+\}))*$/),
    z.partialRecord(
      z.enum(['get', 'post', 'patch', 'put', 'delete']),
      z.strictObject({
        operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
        tags: z.tuple([z.string()]),
        summary: description,
        description: description.optional(),
        security: z.array(z.never()).optional(),
        parameters: z
          .array(
            z.strictObject({
              name: z.string(),
              in: z.enum(['path', 'query', 'header']),
              required: z.boolean(),
              description,
              schema: z.looseObject({}),
            }),
          )
          .optional(),
        requestBody: z.strictObject({ required: z.boolean().optional(), content }).optional(),
        responses: z.record(
          z.string().regex(/^[2345]\d\d$/),
          z.strictObject({ description, content: content.optional() }),
        ),
      }),
    ),
  ),
});

describe('the OpenAPI document', () => {
  it('has the form of OpenAPI 3.1, with everything named and described', () => {
    const parsed = openApi.safeParse(document);
    expect(parsed.error?.issues.map(({ path, message }) => `${path.join(' ')}: ${message}`) ?? []).toEqual(
      [],
    );
  });

  it('names each operation once, and each section that it uses', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const parsed = openApi.parse(document);
    const used = Object.values(parsed.paths).flatMap((methods) =>
      Object.values(methods).map(({ tags }) => tags[0]),
    );
    expect(new Set(parsed.tags.map(({ name }) => name))).toEqual(new Set(used));
  });

  it('describes exactly the parameters that a path has, and no path twice', () => {
    for (const { name, path, parameters } of operations) {
      const declared = parameters.filter((parameter) => parameter.in === 'path');
      const templated = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect([name, declared.map((parameter) => parameter.name)]).toEqual([name, templated]);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
    const shapes = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`);
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  it('refers to nothing that is not there, and defines nothing that is not referred to', () => {
    const referred = new Set(
      [...allIn(document)].flatMap((value) => (typeof value['$ref'] === 'string' ? [value['$ref']] : [])),
    );
    const { schemas } = openApi.parse(document).components;
    expect(referred).toEqual(new Set(Object.keys(schemas).map((name) => `#/components/schemas/${name}`)));
  });

  it('gives examples and defaults that fit', () => {
    const wrong: unknown[] = [];
    let seen = 0;
    for (const schema of schemasIn(document)) {
      const { example, examples, default: preset, ...rest } = schema;
      for (const value of [example, ...(Array.isArray(examples) ? examples : []), preset]) {
        if (value === undefined) continue;
        seen++;
        const parsed = validatorOf(rest).safeParse(value);
        if (!parsed.success) wrong.push({ schema: rest, value });
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(20);
  });
});

it('bodies can be made from their schemas alone, and fit them', () => {
  const wrong: unknown[] = [];
  const bodies = operations.flatMap((operation) => Object.values(operation.bodies));
  for (const schema of bodies)
    for (const which of ['all', 'required'] as const) {
      const example = exampleOf(schema, which);
      const parsed = validatorOf(schema).safeParse(example);
      if (!parsed.success) wrong.push({ example, issues: parsed.error.issues });
    }
  expect(wrong).toEqual([]);
  expect(bodies.length).toBeGreaterThan(20);
});

/** Every object in the document. */
function* allIn(value: JsonValue): Generator<JsonObject> {
  if (Array.isArray(value)) for (const item of value) yield* allIn(item);
  else if (isJsonObject(value)) {
    yield value;
    for (const member of Object.values(value)) yield* allIn(member);
  }
}

/** Every schema: what is under `schema` or `schemas`, and all within. */
function* schemasIn(value: JsonValue): Generator<Schema> {
  for (const object of allIn(value)) {
    if (isJsonObject(object['schema'])) yield* subschemas(object['schema']);
    if (isJsonObject(object['schemas']))
      for (const schema of Object.values(object['schemas'])) yield* subschemas(schema);
  }
}

function* subschemas(schema: JsonValue | undefined): Generator<Schema> {
  if (!isJsonObject(schema)) return;
  yield schema;
  for (const name of ['properties', '$defs']) {
    const members = schema[name];
    if (isJsonObject(members)) for (const member of Object.values(members)) yield* subschemas(member);
  }
  for (const name of ['items', 'additionalProperties']) yield* subschemas(schema[name]);
  for (const name of ['oneOf', 'anyOf', 'allOf']) {
    const members = schema[name];
    if (Array.isArray(members)) for (const member of members) yield* subschemas(member);
  }
}

/** An independent reading of the schema, with the document's components at hand. */
function validatorOf(schema: Schema): z.ZodType {
  const { schemas } = openApi.parse(document).components;
  const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll('#/components/schemas/', '#/$defs/');
  return z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** Where a parameter is needed. */
const queries: Readonly<Record<string, string>> = {
  '/v1/usage/quarantine': '?provider=skyways',
  '/v1/delegations': '?txn=txn_none',
};

describe('what is read is as it is documented', () => {
  it('for every operation that reads', async () => {
    const strange: unknown[] = [];
    const reading = operations.filter(({ method }) => method === 'GET');
    for (const operation of reading) {
      const query = queries[operation.path] ?? '';
      const response = await fetch(`${world.market.url}${world.pathOf(operation)}${query}`, {
        headers: { authorization: `Bearer ${world.market.token}` },
      });
      const body: unknown = await response.json();
      const responses = openApi.parse(document).paths[operation.path]?.get?.responses;
      const [[type, { schema }] = ['', { schema: {} }]] = Object.entries(responses?.['200']?.content ?? {});
      const parsed = validatorOf(schema as Schema).safeParse(body);
      if (response.headers.get('content-type') !== type || !parsed.success)
        strange.push({
          operation: operation.name,
          type: response.headers.get('content-type'),
          issues: parsed.error?.issues,
        });
    }
    expect(strange).toEqual([]);
    expect(reading.length).toBeGreaterThan(30);
  });
});

describe('the reference page', () => {
  it('shows every operation with its address, its parameters and its answers', async () => {
    const page = await (await fetch(`${world.market.url}/docs`)).text();
    const shown = page
      .replaceAll(/<\/?code>/g, '')
      .replaceAll('&#39;', "'")
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&');
    const plain = (text: string) => text.replaceAll('`', '');
    const parsed = openApi.parse(document);
    for (const [path, methods] of Object.entries(parsed.paths))
      for (const [method, operation] of Object.entries(methods)) {
        const start = shown.indexOf(`<section id="${operation.operationId}"`);
        const section = shown.slice(start, shown.indexOf('</section>', start));
        expect([path, start]).not.toEqual([path, -1]);
        for (const text of [
          method.toUpperCase(),
          path,
          operation.summary,
          ...Object.keys(operation.responses),
        ])
          expect(section).toContain(plain(text));
        for (const { name, description: meaning } of operation.parameters ?? []) {
          expect(section).toContain(name);
          expect(section).toContain(plain(meaning));
        }
      }
    for (const name of Object.keys(parsed.components.schemas)) expect(shown).toContain(`id="schema-${name}"`);
  });

  it('links to nothing that is not on it', async () => {
    const page = await (await fetch(`${world.market.url}/docs`)).text();
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
    expect(links.filter((link) => !ids.has(link))).toEqual([]);
    expect([...page.matchAll(/ id="/g)]).toHaveLength(ids.size);
    expect(links.length).toBeGreaterThan(operations.length);
  });
});
