import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function send({ method = 'GET', path, body, headers = {} }: Request): Promise<Response> {
  return fetch(`${stage.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${stage.market.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
}

/** The operator's calls, one for each kind of refusal that a caller can bring about. */
const refusals: readonly (readonly [number, string, Request])[] = [
  [400, 'invalid_request', { method: 'POST', path: '/v1/clients', body: '{"id":' }],
  [400, 'invalid_request', { method: 'POST', path: '/v1/clients', body: '{"id":"X Y"}' }],
  [400, 'invalid_request', { path: '/v1/clients?limit=many' }],
  [401, 'unauthorized', { path: '/v1/clients', headers: { authorization: 'Bearer x' } }],
  [404, 'not_found', { path: '/v1/clients/nobody' }],
  [404, 'not_found', { path: '/nothing' }],
  [
    409,
    'issuer_taken',
    {
      method: 'POST',
      path: '/v1/providers/skyways/issuers',
      body: '{"issuer":"https://login.acme.example","jwks":KEYS}',
    },
  ],
  [
    412,
    'precondition_failed',
    {
      method: 'PATCH',
      path: '/v1/clients/acme-app',
      body: '{"name":"x"}',
      headers: { 'if-match': '"stale"' },
    },
  ],
  [413, 'payload_too_large', { method: 'POST', path: '/v1/clients', body: `"${'x'.repeat(1100 * 1024)}"` }],
  [
    415,
    'unsupported_media_type',
    { method: 'POST', path: '/v1/clients', body: 'a=b', headers: { 'content-type': 'text/plain' } },
  ],
  [
    422,
    'unknown_party',
    {
      method: 'POST',
      path: '/v1/agreements',
      body: '{"from":"provider:skyways","to":"provider:nobody"}',
    },
  ],
];

function complete(request: Request): Request {
  const keys = JSON.stringify(stage.acme.idp.jwks);
  return request.body === undefined ? request : { ...request, body: request.body.replace('KEYS', keys) };
}

describe('RFC 9457, Problem Details for HTTP APIs', () => {
  it.each(refusals)('§3 %i %s has the media type, and is not cached', async (status, _, request) => {
    const response = await send(complete(request));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it.each(refusals)('§3.1 %i %s has the members, of the right types', async (status, code, request) => {
    const body = (await (await send(complete(request))).json()) as Record<string, unknown>;
    expect(body).toMatchObject({
      type: 'about:blank',
      title: expect.stringMatching(/./),
      status,
      detail: expect.stringMatching(/./),
      code,
      requestId: expect.stringMatching(/./),
    });
  });

  it('§3.1.4 detail is for people and tells nothing of the inside', async () => {
    for (const [, , request] of refusals) {
      const text = await (await send(complete(request))).text();
      expect(text).not.toMatch(/node_modules|\.ts:|at \w+ \(/);
      expect(text.length).toBeLessThan(4000);
    }
  });

  it('§3.2 Extension Members: wrong fields are named by JSON Pointer, up to twenty', async () => {
    const body = JSON.stringify({
      name: '',
      owner: 'nobody',
      jwks: { keys: [{}] },
      grantTypes: ['password'],
      scopes: Array.from({ length: 10 }, () => 'x'),
      callScopes: Array.from({ length: 30 }, () => 'A'),
    });
    const response = await send({ method: 'POST', path: '/v1/clients', body });
    const { errors } = (await response.json()) as { errors: { path: string; message: string }[] };
    expect(errors).toHaveLength(20);
    expect(errors.map(({ path }) => path)).toEqual(expect.arrayContaining(['/name', '/owner', '/scopes/0']));
  });

  it('§3.2 the request’s id is in the body and in a header, to quote in a report', async () => {
    const response = await send({ path: '/v1/clients/nobody' });
    expect(await response.json()).toMatchObject({ requestId: response.headers.get('x-request-id') });
  });

  it('§1 where there are errors of a protocol’s own, as at the token endpoint, those are used', async () => {
    const { headers, body } = await stage.post('');
    expect(headers.get('content-type')).toMatch(/^application\/json\b/);
    expect(body).not.toHaveProperty('type');
  });
});
