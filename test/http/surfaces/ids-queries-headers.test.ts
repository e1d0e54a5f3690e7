import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleOf } from '../../support/openapi.ts';
import { documentedOperations, records, send } from './refusals.ts';
import { type Furnished, furnish } from './furnished.ts';
import { rawRequest } from './raw-request.ts';

const operations = await documentedOperations();
const managed = operations.filter(({ path }) => path.startsWith('/v1/'));

let world: Furnished;
beforeAll(async () => {
  world = await furnish();
});
afterAll(() => world.close());

const hostile = [
  '%00',
  'a%00b',
  '..%2f..%2fetc%2fpasswd',
  'a%2fb',
  '%ff%fe',
  '%',
  '%zz',
  '%F0%9F%98%80',
  '%E2%80%AE',
  '%20',
  '%27%3B--',
  'UPPER',
  'x'.repeat(5000),
  '__proto__',
  'constructor',
];

describe('an id that nobody has is never more than not found', () => {
  const withIds = managed.filter(({ parameters }) => parameters.some((parameter) => parameter.in === 'path'));

  it.each(withIds)('$name', async (operation) => {
    const before = await records(world);
    const [type, schema] = Object.entries(operation.bodies)[0] ?? [];
    const body = schema === undefined ? {} : { type, body: JSON.stringify(exampleOf(schema, 'required')) };
    const strange: unknown[] = [];
    for (const { name } of operation.parameters.filter((parameter) => parameter.in === 'path'))
      for (const id of hostile) {
        const path = world.pathOf(operation, { [name]: 'PLACE' }).replace('PLACE', id);
        const { status, text } = await send(world, operation, { what: id, path, ...body });
        // A list of nobody's things is empty.
        const isFine =
          operation.statuses.includes(status) && (status < 400 ? operation.method === 'GET' : status < 500);
        if (!isFine) strange.push({ path: path.slice(0, 120), status, text: text.slice(0, 300) });
      }
    expect(strange).toEqual([]);
    expect(await records(world)).toBe(before);
  });
});

describe('a query that makes no sense is refused, or finds nothing', () => {
  const withQuery = operations.filter(({ parameters }) =>
    parameters.some((parameter) => parameter.in === 'query'),
  );
  const values = [
    ...hostile.filter((value) => value !== '%' && value !== '%zz'),
    '',
    '0',
    '-1',
    '1e9',
    '0x10',
    '1.5',
    'null',
    '9999-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '2026-13-45T00:00:00Z',
    '2099-12',
    'eyJzb3J0IjoiIn0',
    'YQ',
  ];

  it.each(withQuery)('$name', async (operation) => {
    const strange: unknown[] = [];
    for (const { name } of operation.parameters.filter((parameter) => parameter.in === 'query'))
      for (const query of [
        ...values.map((value) => `${name}=${value}`),
        `${name}=a&${name}=b`,
        `${name}[]=a`,
      ]) {
        const path = `${world.pathOf(operation)}?${query}`;
        const { status, text } = await send(world, operation, { what: query, path });
        if (!operation.statuses.includes(status) || status >= 500)
          strange.push({ query: query.slice(0, 100), status, text: text.slice(0, 300) });
      }
    expect(strange).toEqual([]);
  });
});

describe('headers that make no sense', () => {
  const operation = managed.find(({ name }) => name === 'PATCH /v1/tenants/{tenant}');
  if (operation === undefined) throw new Error('the operation is gone');
  const change = { type: 'application/json', body: '{"name":"Other"}' };

  it.each([
    ['another scheme', { authorization: 'Basic b3BlcmF0b3I6eA==' }, 401],
    ['no token', { authorization: 'Bearer ' }, 401],
    ['two tokens', { authorization: `Bearer a, Bearer b` }, 401],
    ['a token without end', { authorization: `Bearer ${'a'.repeat(20_000)}` }, 401],
    ['a weak If-Match', { 'if-match': 'W/"x"' }, 400],
    ['several If-Match', { 'if-match': '"a", "b"' }, 400],
    ['an unquoted If-Match', { 'if-match': 'x' }, 400],
    ['an empty Idempotency-Key', { 'idempotency-key': '' }, 400],
    ['an Idempotency-Key without end', { 'idempotency-key': 'k'.repeat(129) }, 400],
    ['an Idempotency-Key with spaces', { 'idempotency-key': 'a b' }, 400],
  ])('%s', async (what, headers, status) => {
    const before = await records(world);
    const answer = await send(world, operation, { what, ...change, headers });
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([status, { status }]);
    expect(await records(world)).toBe(before);
  });
});

it('what is not there is a problem too, on any method and path', async () => {
  for (const path of [
    '/',
    '/nothing',
    '/v1',
    '/v1/nothing',
    '/oauth/nothing',
    '/a2a/x',
    '/%',
    '/%00',
    '//',
    '/v1/../..',
    '/v1/tenants/%2e%2e/agreements',
    '/v1/tenants/',
  ])
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await rawRequest(world.market.url, { method, path });
      expect([method, path, answer.status]).toEqual([
        method,
        path,
        expect.toSatisfy((status: number) => status < 500),
      ]);
    }
});
