import { createRoute, z } from '@hono/zod-openapi';
import { beforeEach, describe, expect, it } from 'vitest';
import { requireOperator, requireParty } from '../../src/api/guards.ts';
import { createRouter, type Router } from '../../src/api/router.ts';
import { answers, takes } from '../../src/api/schemas.ts';
import type { AuditEntry } from '../../src/audit/index.ts';
import { createApp } from '../../src/http/app.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { StorageError } from '../../src/storage/port.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { testClock } from '../support/clock.ts';

const operator = { Authorization: 'Bearer operator-token' };
const acme = { Authorization: 'Bearer acme-token' };
const json = { 'Content-Type': 'application/json' };

const create = createRoute({
  method: 'post',
  path: '/v1/things',
  request: takes(z.strictObject({ name: z.string().max(10) })),
  responses: { 201: answers(z.object({ made: z.int() }), 'Made') },
});

let app: Router;
let recorded: AuditEntry[];
let auditFails: boolean;
let made: number;
let ready: () => Promise<void>;

beforeEach(() => {
  made = 0;
  recorded = [];
  auditFails = false;
  ready = () => Promise.resolve();
  const clock = testClock();
  const router = createRouter();
  router.openapi(create, (c) => {
    requireOperator(c);
    if (c.req.valid('json').name === 'taken') throw new Fault('conflict', 'There is one already.');
    if (c.req.valid('json').name === 'bug') throw new TypeError('secret: internal detail');
    return c.json({ made: ++made }, 201);
  });
  router.get('/v1/parties/:party', (c) => {
    requireParty(c, `tenant:${c.req.param('party')}`, 'tenancy:read');
    return c.json({ seen: true });
  });
  app = createApp({
    brokerUrl: 'http://localhost:8080',
    store: openMemoryStore({ clock }),
    clock,
    ids: systemIds,
    audit: {
      record: (entry) => {
        if (auditFails) return Promise.reject(new StorageError('unavailable', 'no room'));
        recorded.push(entry);
        return Promise.resolve();
      },
    },
    log: createLog({ level: 'silent' }),
    authenticators: {
      isOperatorToken: (token) => token === 'operator-token',
      authenticateBearer: (token) =>
        Promise.resolve(
          token === 'acme-token'
            ? { kind: 'client', clientId: 'c1', owner: 'tenant:acme', scopes: ['tenancy:read'] }
            : undefined,
        ),
      dpop: { policy: { required: false, nonceRequired: false }, nonce: () => '' },
    },
    readiness: { check: () => ready() },
    routers: [router],
  });
});

function post(body: string, headers: Record<string, string> = { ...operator, ...json }): Promise<Response> {
  return Promise.resolve(app.request('/v1/things', { method: 'POST', body, headers }));
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
}

describe('problem answers (RFC 9457)', () => {
  it.each([
    ['broken JSON', '{"name":', {}, 400, 'invalid_request'],
    ['a wrong type', '{"name":1}', {}, 400, 'invalid_request'],
    ['an unknown field', '{"name":"a","admin":true}', {}, 400, 'invalid_request'],
    [
      'a form post',
      'name=a',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    [
      'another charset',
      '{}',
      { 'Content-Type': 'application/json; charset=utf-16' },
      415,
      'unsupported_media_type',
    ],
    ['10 MB', JSON.stringify({ name: 'x'.repeat(10 << 20) }), {}, 413, 'payload_too_large'],
    ['no token', '{"name":"a"}', { Authorization: '' }, 401, 'unauthorized'],
    ['a wrong token', '{"name":"a"}', { Authorization: 'Bearer nope' }, 401, 'unauthorized'],
    ['another party’s token', '{"name":"a"}', acme, 403, 'forbidden'],
    ['a foreseen conflict', '{"name":"taken"}', {}, 409, 'conflict'],
  ])('answers %s', async (_, body, headers, status, code) => {
    const { Authorization, ...rest } = { ...operator, ...json, ...headers };
    const response = await post(body, Authorization === '' ? rest : { Authorization, ...rest });
    expect(response.status).toBe(status);
    expect(await problem(response)).toMatchObject({ status, code });
    expect(made).toBe(0);
  });

  it.each([
    ['who brings no token', {}, 401, 'Bearer'],
    ['a wrong token', { Authorization: 'Bearer nope' }, 401, 'Bearer error="invalid_token"'],
    ['a token that may too little', acme, 403, 'Bearer error="insufficient_scope"'],
  ])('challenges %s (RFC 6750 §3)', async (_, credentials, status, challenge) => {
    const response = await post('{"name":"a"}', { ...credentials, ...json });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      status,
      `${challenge}, DPoP algs="ES256 EdDSA PS256"`,
    ]);
  });

  it('names the wrong field by JSON Pointer', async () => {
    expect(await problem(await post('{"name":"much too long a name"}'))).toMatchObject({
      errors: [{ path: '/name' }],
    });
  });

  it('keeps our own bugs to itself', async () => {
    const response = await post('{"name":"bug"}');
    expect(response.status).toBe(500);
    expect(await response.clone().text()).not.toContain('secret');
    expect(await problem(response)).toMatchObject({
      code: 'internal',
      requestId: response.headers.get('x-request-id'),
    });
  });

  it('answers unknown paths', async () => {
    const response = await app.request('/v2/nothing');
    expect(response.status).toBe(404);
    expect(await problem(response)).toMatchObject({ code: 'not_found' });
  });

  it('tells a client nothing about other parties, existing or not', async () => {
    const answers = await Promise.all(
      ['globex', 'nobody'].map(async (party) => {
        const response = await app.request(`/v1/parties/${party}`, { headers: acme });
        return { status: response.status, code: (await problem(response))['code'] };
      }),
    );
    expect(answers[0]).toEqual({ status: 403, code: 'forbidden' });
    expect(answers[1]).toEqual(answers[0]);
    expect((await app.request('/v1/parties/acme', { headers: acme })).status).toBe(200);
  });
});

describe('failures under /oauth (RFC 6749 §5.2)', () => {
  it.each([
    ['a bug of ours', new TypeError('secret: internal detail'), 500, 'server_error'],
    ['a store that is down', new StorageError('unavailable', 'secret: disk'), 503, 'temporarily_unavailable'],
    ['a foreseen refusal', new Fault('method_not_allowed', 'POST only.'), 405, 'invalid_request'],
  ])('%s has an error of OAuth, and no detail', async (_, error, status, code) => {
    app.post('/oauth/token', () => {
      throw error;
    });
    const response = await app.request('/oauth/token', { method: 'POST' });
    expect(response.status).toBe(status);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = (await response.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
    expect(body['error']).toBe(code);
    expect(JSON.stringify(body)).not.toContain('secret');
  });
});

describe('request ids', () => {
  it('keeps a harmless one and replaces any other', async () => {
    const id = async (given: string) =>
      (await app.request('/healthz', { headers: { 'X-Request-Id': given } })).headers.get('x-request-id');
    expect(await id('from-the-caller-1')).toBe('from-the-caller-1');
    expect(await id('<script>alert(1)</script>')).toMatch(/^req_/);
    expect(await id('x'.repeat(500))).toMatch(/^req_/);
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string, body = '{"name":"a"}') =>
    post(body, { ...operator, ...json, 'Idempotency-Key': key });

  it('gives the first answer again and does the work once', async () => {
    const first = await keyed('k1');
    const second = await keyed('k1');
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.json()).toEqual(await first.json());
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(made).toBe(1);
  });

  it('does the work once when both arrive together', async () => {
    const statuses = (await Promise.all([keyed('k1'), keyed('k1')])).map((response) => response.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(made).toBe(1);
  });

  it('refuses the key for another body', async () => {
    await keyed('k1');
    expect((await keyed('k1', '{"name":"b"}')).status).toBe(422);
    expect(made).toBe(1);
  });

  it('refuses the key for another query: there it says whose a thing is', async () => {
    const of = (owner: string) =>
      app.request(`/v1/things?owner=${owner}`, {
        method: 'POST',
        body: '{"name":"a"}',
        headers: { ...operator, ...json, 'Idempotency-Key': 'k1' },
      });
    expect((await of('tenant:acme')).status).toBe(201);
    expect((await of('tenant:globex')).status).toBe(422);
    expect((await of('tenant:acme')).headers.get('idempotent-replayed')).toBe('true');
    expect(made).toBe(1);
  });

  it('repeats a refusal too, but lets a failure of ours be tried again', async () => {
    expect((await keyed('k1', '{"name":"taken"}')).status).toBe(409);
    expect((await keyed('k1', '{"name":"taken"}')).headers.get('idempotent-replayed')).toBe('true');
    expect((await keyed('k2', '{"name":"bug"}')).status).toBe(500);
    expect((await keyed('k2', '{"name":"a"}')).status).toBe(201);
  });
});

describe('what describes itself', () => {
  it('serves OpenAPI 3.1 made from the routes', async () => {
    const document = (await (await app.request('/openapi.json')).json()) as {
      openapi: string;
      paths: object;
    };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/v1/things', '/healthz', '/readyz']),
    );
  });

  it('serves a reference page that loads nothing and runs nothing', async () => {
    const response = await app.request('/docs');
    const page = await response.text();
    expect(page).toContain('/v1/things');
    expect(page).not.toMatch(/<script|https?:\/\/(?!localhost)/);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('is ready only when its parts are', async () => {
    expect((await app.request('/readyz')).status).toBe(200);
    ready = () => Promise.reject(new Error('store down'));
    expect((await app.request('/readyz')).status).toBe(503);
    expect((await app.request('/healthz')).status).toBe(200);
  });
});

describe('what a program is forbidden', () => {
  const ask = (party: string, token = 'acme-token') =>
    app.request(`/v1/parties/${party}`, { headers: { authorization: `Bearer ${token}` } });

  it('is in the audit log: for its own company which call, for the operator at what it was aimed', async () => {
    expect((await ask('globex')).status).toBe(403);
    expect(recorded).toEqual([
      {
        action: 'api.call',
        outcome: 'refused',
        reason: 'forbidden',
        actor: 'c1',
        client: 'c1',
        tenant: 'acme',
        detail: { call: 'GET /v1/parties/:party' },
        restricted: { path: '/v1/parties/globex' },
      },
    ]);
  });

  it('is not told before it is on record', async () => {
    auditFails = true;
    expect((await ask('globex')).status).toBe(503);
  });

  it('is listed twenty times a minute at most', async () => {
    for (let n = 0; n < 25; n++) expect((await ask('globex')).status).toBe(403);
    expect(recorded).toHaveLength(20);
  });

  it('is all that is listed: not what is allowed, nor what somebody unknown asks', async () => {
    expect((await ask('acme')).status).toBe(200);
    expect((await ask('globex', 'nonsense')).status).toBe(401);
    expect(
      (await app.request('/v1/nothing', { headers: { authorization: 'Bearer acme-token' } })).status,
    ).toBe(404);
    expect(recorded).toEqual([]);
  });
});
