import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, type MarketTenant } from '../support/market.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { newParty } from '../support/party.ts';
import { latestAudit } from './audit.ts';
import { hostileAnswers, hostileServer, type HostileServer, json } from './hostile-server.ts';
import { addProgram, openStage, type Program, type Stage } from './stage.ts';
import { exchange, refusal, postForm } from './token-endpoint.ts';

let stage: Stage;
let clock: TestClock;
let server: HostileServer;
beforeAll(async () => {
  clock = testClock(Date.now());
  stage = await openStage({ clock });
});
afterAll(() => stage.close());
beforeEach(async () => {
  server = await hostileServer();
});
afterEach(() => server.close());

let issuers = 0;
const nextIssuer = () => `https://id-${++issuers}.acme.example`;

async function register(keys: object): Promise<{ status: number; code: string; kept: boolean }> {
  const issuer = nextIssuer();
  const response = await fetch(`${stage.url}/v1/tenants/acme/issuers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ issuer, ...keys }),
  });
  const { code = '' } = (await response.json()) as { code?: string };
  const { items } = await call<{ items: { issuer: string }[] }>(stage, 'GET', '/v1/tenants/acme/issuers');
  return { status: response.status, code, kept: items.some((item) => item.issuer === issuer) };
}

const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' });
const ec = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' });
const good = ec('P-256');

/** Sets of keys that nobody may be trusted by. */
const badSets: readonly (readonly [string, readonly unknown[]])[] = [
  ['no key', []],
  ['101 keys', Array<JsonWebKey>(101).fill(good)],
  [
    'a private key among them',
    [good, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })],
  ],
  ['a symmetric key among them', [good, { kty: 'oct', k: 'c2VjcmV0' }]],
  ['a symmetric key that says it is not', [{ ...good, k: 'c2VjcmV0' }]],
  ['keys for encryption alone', [{ ...good, use: 'enc' }]],
  ['a key of another curve alone', [ec('P-384')]],
  ['a point that is not on the curve', [{ ...good, x: good.y, y: good.x }]],
  ['a short RSA key', [rsa(1024)]],
  ['an RSA key whose exponent makes any signature valid', [{ ...rsa(2048), e: 'AQ' }]],
  [
    'an RSA key with an exponent that never ends',
    [{ ...rsa(2048), e: Buffer.alloc(255, 0xff).toString('base64url') }],
  ],
  [
    'an RSA key that takes long to use',
    [{ ...rsa(2048), n: Buffer.alloc(2048, 0xc1).toString('base64url') }],
  ],
  ['what is no key', [{}]],
];

describe('a key set', () => {
  it.each(hostileAnswers)('fetched, that is %s', async (_, listener) => {
    server.on(listener);
    expect(await register({ jwksUri: server.url })).toEqual({
      status: 422,
      code: 'keys_unusable',
      kept: false,
    });
  });

  it.each([...badSets, ['texts for keys', ['key']] as const])('fetched, with %s', async (_, keys) => {
    server.on(json({ keys }));
    expect(await register({ jwksUri: server.url })).toEqual({
      status: 422,
      code: 'keys_unusable',
      kept: false,
    });
  });

  it.each(badSets)('given, with %s', async (_, keys) => {
    const { status, code, kept } = await register({ jwks: { keys } });
    expect(`${status} ${code}`).toMatch(/^(?:400 invalid_request|422 keys_unusable)$/);
    expect(kept).toBe(false);
  });

  it('given, that is too large to keep', async () => {
    expect(await register({ jwks: { keys: [{ ...good, note: 'x'.repeat(400_000) }] } })).toEqual({
      status: 400,
      code: 'invalid_request',
      kept: false,
    });
  });

  it('that never comes, or comes byte by byte', async () => {
    server.on((req, res) => {
      if (req.url === '/silent') return;
      const timer = setInterval(() => res.write(' '), 50);
      res.on('close', () => clearInterval(timer));
    });
    const both = ['/silent', '/slow'].map((path) => register({ jwksUri: `${server.url}${path}` }));
    for (const outcome of await Promise.all(both))
      expect(outcome).toEqual({ status: 422, code: 'keys_unusable', kept: false });
  });
});

describe('a key set that was good once', () => {
  let program: Program;
  let tenant: MarketTenant;
  let next = 0;

  /** A tenant whose issuer publishes its keys at the server. */
  beforeEach(async () => {
    const idp = await newParty();
    const issuer = nextIssuer();
    server.on(json(idp.jwks));
    await call(stage, 'POST', '/v1/tenants/acme/issuers', { issuer, jwksUri: server.url });
    program = await addProgram(stage, {
      id: `acme-app-${++next}`,
      owner: 'tenant:acme',
      issuerClientIds: { [issuer]: 'app' },
    });
    const now = Math.floor(clock.now() / 1000);
    tenant = {
      ...stage.acme,
      ...program,
      idp,
      issuer,
      idToken: () => idp.sign({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300 }),
    };
  });

  it.each(hostileAnswers)('and is %s now', async (_, listener) => {
    server.on(listener);
    const reply = await exchange(stage, tenant);
    expect([reply.status, reply.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await latestAudit(stage)).toMatchObject({ outcome: 'refused', reason: 'issuer_keys_unavailable' });
  });

  it('is not asked again for each of a flood of unknown key ids', async () => {
    expect((await exchange(stage, tenant)).status).toBe(200);
    const before = server.hits();
    const unknown = () => tenant.idp.sign({ iss: tenant.issuer, sub: 'u' }, { kid: `k-${Math.random()}` });
    for (let round = 0; round < 3; round++) {
      clock.advance(1000);
      const tokens = await Promise.all(Array.from({ length: 10 }, unknown));
      const replies = await Promise.all(
        tokens.map((subject_token) => exchange(stage, tenant, { subject_token })),
      );
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([400]));
    }
    expect(server.hits() - before).toBeLessThanOrEqual(1);
  });

  it('is asked again when the issuer has changed its keys, flood or not', async () => {
    expect((await exchange(stage, tenant)).status).toBe(200);
    const rotated = await newParty();
    const now = Math.floor(clock.now() / 1000);
    const claims = { iss: tenant.issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300 };
    const probe = async () =>
      exchange(stage, tenant, {
        subject_token: await tenant.idp.sign(claims, { kid: `k-${Math.random()}` }),
      });
    server.on(json({ keys: [...tenant.idp.jwks.keys, ...rotated.jwks.keys] }));
    clock.advance(6000);
    await probe();
    server.on(json(rotated.jwks));
    clock.advance(6000);
    await probe();
    const reply = await exchange(stage, tenant, { subject_token: await rotated.sign(claims) });
    expect(reply.status).toBe(200);
    expect(await refusal(stage, () => exchange(stage, tenant))).toBe('400 invalid_request token_key_unknown');
  });

  it('of a client is not fetched for each stranger who uses the client’s name', async () => {
    await call(stage, 'POST', '/v1/clients', {
      id: `remote-${next}`,
      name: 'keys elsewhere',
      owner: 'tenant:acme',
      jwksUri: server.url,
      grantTypes: ['client_credentials'],
      scopes: ['audit:read'],
    });
    const before = server.hits();
    const stranger = await newParty();
    await Promise.all(
      Array.from({ length: 20 }, async () =>
        postForm(stage.url, {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await stranger.sign({ iss: `remote-${next}`, sub: `remote-${next}` }),
        }),
      ),
    );
    expect(server.hits() - before).toBe(1);
  });
});
