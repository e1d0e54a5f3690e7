import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lengthPrefixed, sha256 } from '../../../src/kernel/digest.ts';
import { StorageError } from '../../../src/storage/port.ts';
import { exampleOf, type Operation } from '../../support/openapi.ts';
import { documentedOperations } from './refusals.ts';
import { type Furnished, furnish } from './furnished.ts';

let world: Furnished;
beforeAll(async () => {
  world = await furnish();
});
afterAll(() => world.close());

const operations = await documentedOperations();

interface Request {
  readonly token?: string | undefined;
  readonly ids?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly type?: string | undefined;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends it; an error must be a problem that says what its status says. */
async function send(operation: Operation, request: Request): Promise<number> {
  const headers = {
    ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
    ...(request.body === undefined || request.type === undefined ? {} : { 'content-type': request.type }),
    ...request.headers,
  };
  const response = await fetch(
    `${world.market.url}${world.pathOf(operation, request.ids)}${request.query ?? ''}`,
    {
      method: operation.method,
      headers,
      ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
    },
  );
  const text = await response.text();
  // Two answers that are no problems: what became of one event, and whether the broker is ready.
  const isOther = /^\{"(?:results|status)":/.test(text);
  if (response.status < 400 || isOther) return response.status;
  expect([operation.name, response.headers.get('content-type')]).toEqual([
    operation.name,
    'application/problem+json',
  ]);
  expect(JSON.parse(text)).toMatchObject({
    status: response.status,
    code: expect.stringMatching(/^[a-z_]+$/) as string,
    requestId: response.headers.get('x-request-id'),
  });
  return response.status;
}

/** What schemas cannot say. */
const jwks = { keys: [{ kty: 'EC' }] };
const nobodysUser = { issuer: 'https://nobody.example', subject: 'x', reason: 'x' };
const bodies: Readonly<Record<string, object>> = {
  'POST /v1/clients': { name: 'x', owner: 'provider:cloudly', grantTypes: ['client_credentials'], jwks },
  'PATCH /v1/clients/{client}': { name: 'x' },
  'POST /v1/providers/{provider}/issuers': { issuer: 'https://a.example', jwks },
  'POST /v1/tenants/{tenant}/issuers': { issuer: 'https://a.example', jwks },
  'POST /v1/tenants/{tenant}/links': { issuer: 'https://a.example', externalId: 'x' },
  'PATCH /v1/providers/{provider}/issuers/{issuer}': { audience: 'x' },
  'PATCH /v1/tenants/{tenant}/issuers/{issuer}': { audience: 'x' },
  'PATCH /v1/tenants/{tenant}': { name: 'x' },
  'PATCH /v1/agents/{provider}/{agent}/deployments/{deployment}': { weight: 1 },
  'POST /v1/agents/{provider}/{agent}/deployments': { id: 'x', model: 'pooled', url: 'http://127.0.0.1:9/' },
  'POST /v1/tenants/{tenant}/users/block': nobodysUser,
  'POST /v1/tenants/{tenant}/users/unblock': {
    provider: 'skyways',
    sub: `v1.${'A'.repeat(43)}`,
    reason: 'x',
  },
  'POST /v1/meters': { key: 'calls', aggregation: 'max', unit: 'x' },
  'POST /v1/usage/events': { specversion: '1.0' },
  'POST /v1/providers/{provider}/agents': { id: 'other', card: {} },
};

function bodyOf(operation: Operation): { readonly type: string | undefined; readonly body?: string } {
  const [type, schema] = Object.entries(operation.bodies)[0] ?? [];
  if (schema === undefined) return { type };
  return { type, body: JSON.stringify(bodies[operation.name] ?? exampleOf(schema, 'required')) };
}

const unknownIds = {
  provider: 'no-such',
  agent: 'no-such',
  tenant: 'no-such',
  client: 'no-such',
  plan: 'no-such',
};
const unknownMade = {
  sub: `v1.${'A'.repeat(43)}`,
  link: 'no-such',
  id: 'no-such',
  agreement: 'no-such',
  issuer: 'no-such',
  subscription: 'no-such',
  deployment: 'no-such',
  event: 'no-such',
  delegation: 'no-such',
  policy: 'no-such',
};
const wrongIds = Object.fromEntries(
  [...Object.keys(unknownIds), ...Object.keys(unknownMade), 'period', 'step'].map((name) => [
    name,
    'Not / one',
  ]),
);

/** What removes something takes no body, and so does not mind a wrong one. */
const safeIds = ({ method }: Operation) => (method === 'DELETE' ? { ...unknownIds, ...unknownMade } : {});

/** Every way to be refused by the layers and by the route; nothing here may succeed in changing something. */
async function refusalsOf(operation: Operation): Promise<readonly number[]> {
  const isReport = operation.path === '/v1/usage/events';
  const token = isReport ? world.reporter : world.market.token;
  const isWrite = operation.method !== 'GET';
  const named = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
  const query = operation.parameters.some(
    ({ required, ...parameter }) => required && parameter.in === 'query',
  )
    ? '?provider=skyways&txn=txn_none'
    : '';
  const valid = { ...bodyOf(operation), token, query };
  const requests: Request[] = [
    { ...valid, token: undefined },
    { ...valid, token: 'nobody' },
    { ...valid, token: world.powerless },
  ];
  if (named.length > 0)
    requests.push({ ...valid, ids: wrongIds }, { ...valid, ids: { ...unknownIds, ...unknownMade } });
  // Something of somebody that exists.
  if (named.some((name) => name in unknownMade)) requests.push({ ...valid, ids: unknownMade });
  // The month is closed, so nothing is owed for it any more.
  if (operation.path.endsWith('/invoices/draft'))
    requests.push({ ...valid, query: `?period=${new Date().toISOString().slice(0, 7)}` });
  if (!isWrite)
    requests.push({ ...valid, query: '?limit=0&from=yesterday&provider=Not%20one&tenant=Not%20one' });
  else {
    const type = valid.type ?? 'application/json';
    requests.push(
      ...(operation.statuses.includes(412) ? [{ ...valid, headers: { 'if-match': '"another"' } }] : []),
      { ...valid, ids: safeIds(operation), type, body: '{"broken":' },
      { ...valid, type, body: `"${'x'.repeat(2 << 20)}"` },
      { ...valid, type: 'application/x-www-form-urlencoded', body: 'a=b' },
      ...(isReport ? [valid, { ...valid, token: world.market.token }] : []),
    );
  }
  const statuses: number[] = [];
  for (const request of requests) statuses.push(await send(operation, request));
  if (isWrite) statuses.push(...(await idempotencyRefusals(operation)));
  for (const failure of [new StorageError('unavailable', 'no room'), new Error('a bug')]) {
    world.fail(failure);
    statuses.push(await send(operation, { ...valid, token: world.powerless }));
    world.fail(undefined);
  }
  return statuses;
}

async function idempotencyRefusals(operation: Operation): Promise<readonly number[]> {
  const { token } = world.market;
  const type = 'application/json';
  const [used, running] = [`used-${operation.name}`, `running-${operation.name}`].map(sha256);
  const body = '{"refused":true}';
  const ids = safeIds(operation);
  const path = world.pathOf(operation, ids);
  await world.store.commit([
    {
      op: 'put',
      partition: `idempotency#${sha256(lengthPrefixed('operator', running ?? ''))}`,
      sort: 'answer',
      value: { request: sha256(lengthPrefixed(operation.method, path, body)) },
    },
  ]);
  const withKey = (key: string | undefined, text: string) =>
    send(operation, { token, ids, type, body: text, headers: { 'idempotency-key': key ?? '' } });
  return [await withKey(used, body), await withKey(used, '{"other":1}'), await withKey(running, body)];
}

const managed = operations.filter(({ path }) => path.startsWith('/v1/'));

describe('each operation of the management API answers the refusals that it documents, and no others', () => {
  it.each(managed)('$name', async (operation) => {
    const produced = (await refusalsOf(operation)).filter((status) => status >= 400);
    const documented = operation.statuses.filter((status) => status >= 400);
    expect(new Set(produced)).toEqual(new Set(documented));
  });
});

describe('public documents', () => {
  const documents = operations.filter(({ path, method }) => !path.startsWith('/v1/') && method === 'GET');

  it.each(documents)('$name', async (operation) => {
    const statuses = [
      await send(operation, {}),
      await send(operation, { ids: wrongIds }),
      await send(operation, { ids: unknownIds }),
    ];
    for (const failure of [new StorageError('unavailable', 'no room'), new Error('a bug')]) {
      world.fail(failure);
      // Nothing that is cached.
      statuses.push(
        await send(operation, { ids: { provider: 'skyways', agent: 'never-read' } }).catch(() => 0),
      );
      world.fail(undefined);
    }
    const produced = statuses.filter((status) => status >= 400);
    const documented = operation.statuses.filter((status) => status >= 400);
    expect(new Set(produced)).toEqual(new Set(documented));
  });
});
