import { createHash, createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createBrokerClient,
  createTenantContextVerifier,
  TenantContextError,
  type TenantContextVerifierOptions,
} from '../../src/kit/index.ts';
import { type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { audience, type ForgingBroker, openForgingBroker } from './forging-broker.ts';
import { openTrustRoom, type TrustRoom } from './trust-room.ts';

const refusal = async (attempt: Promise<unknown>): Promise<TenantContextError> =>
  attempt.then(
    () => expect.fail('this should have been refused'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(TenantContextError);
      return error as TenantContextError;
    },
  );

describe('createTenantContextVerifier with the real trust room', () => {
  const resource = 'http://127.0.0.1:9/a2a';
  let room: TrustRoom;
  let market: Market;
  let acme: MarketTenant;
  const tokenFor = async (target: { agent?: string; resource?: string }): Promise<string> =>
    (
      await createBrokerClient({
        broker: room.url,
        clientId: acme.clientId,
        privateKey: acme.client.privateKey,
      }).exchange({ subjectToken: await acme.idToken(), subjectTokenType: 'id_token', ...target })
    ).accessToken;

  beforeAll(async () => {
    room = await openTrustRoom();
    market = await openMarket(room, resource);
    acme = await market.addTenant('acme');
  });
  afterAll(() => room.close());

  it('gives the tenant context of a call', async () => {
    const token = await tokenFor({ resource });
    const verifier = createTenantContextVerifier({ broker: room.url, audience: resource });
    const context = await verifier.verify(`Bearer ${token}`);
    expect(context).toMatchObject({
      tenant: 'acme',
      actors: [{ issuer: room.url, subject: acme.clientId, clientId: acme.clientId }],
      tier: 'standard',
      scope: ['a2a:invoke', 'a2a:read'],
      token,
    });
    expect(context.subject).not.toContain('user-1');
    expect(context.delegationId).toBe(createHash('sha256').update(context.jti).digest('base64url'));
    await expect(room.trust.findDelegation(context.delegationId)).resolves.toMatchObject({
      tenant: 'acme',
      txn: context.txn,
      expiresAt: context.expiresAt,
    });
  });

  it('fetches metadata and keys once for many calls', async () => {
    const verifier = createTenantContextVerifier({ broker: room.url, audience: resource });
    const before = room.requests.get('/.well-known/jwks.json') ?? 0;
    const token = await tokenFor({ resource });
    await Promise.all(Array.from({ length: 10 }, () => verifier.verify(`Bearer ${token}`)));
    expect((room.requests.get('/.well-known/jwks.json') ?? 0) - before).toBe(1);
  });

  it('refuses the token for the gateway, an ID token, and a management token', async () => {
    const verifier = createTenantContextVerifier({ broker: room.url, audience: resource });
    const gateway = await tokenFor({ agent: market.agent });
    expect((await refusal(verifier.verify(`Bearer ${gateway}`))).code).toBe('token_audience_wrong');
    const idToken = await acme.idToken();
    expect((await refusal(verifier.verify(`Bearer ${idToken}`))).code).toBe('token_key_unknown');
    const atBroker = createTenantContextVerifier({ broker: room.url, audience: room.url });
    const management = await market.providerToken();
    expect((await refusal(atBroker.verify(`Bearer ${management}`))).code).toBe('tenant_context_missing');
  });

  it('asks for scopes', async () => {
    const verifier = createTenantContextVerifier({
      broker: room.url,
      audience: resource,
      requiredScopes: ['a2a:invoke', 'flights:book'],
    });
    const error = await refusal(verifier.verify(`Bearer ${await tokenFor({ resource })}`));
    expect(error).toMatchObject({ code: 'scope_insufficient', status: 403 });
    expect(error.wwwAuthenticate).toBe(
      'Bearer error="insufficient_scope", error_description="scope_insufficient", scope="a2a:invoke flights:book"',
    );
  });
});

describe('createTenantContextVerifier against what the real broker never does', () => {
  let broker: ForgingBroker;
  const verifier = (options: Partial<TenantContextVerifierOptions> = {}) =>
    createTenantContextVerifier({ broker: broker.url, audience, ...options });
  const now = () => Math.floor(Date.now() / 1000);
  const nested = (depth: number): object => {
    let act: object = { iss: 'i', sub: 's' };
    for (let level = 1; level < depth; level++) act = { iss: 'i', sub: 's', act };
    return act;
  };

  beforeEach(async () => {
    broker = await openForgingBroker();
  });
  afterEach(() => broker.close());

  it('accepts the form that the others are changes of', async () => {
    await expect(verifier().verify(`Bearer ${await broker.token()}`)).resolves.toMatchObject({
      tenant: 'acme',
    });
    const linked = await broker.token({
      aud_tenant: 'ext-7',
      aud_sub: 'user-7',
      tctx: { tier: 'gold', region: 'eu-central-1' },
    });
    await expect(verifier().verify(`bearer ${linked}`)).resolves.toMatchObject({
      audTenant: 'ext-7',
      audSubject: 'user-7',
      tier: 'gold',
      region: 'eu-central-1',
    });
  });

  it.each([
    ['another issuer', 'token_issuer_wrong', { iss: 'https://evil.example' }],
    ['the issuer with a slash', 'token_issuer_wrong', (b: ForgingBroker) => ({ iss: `${b.url}/` })],
    ['another audience', 'token_audience_wrong', { aud: `${audience}/other` }],
    ['two audiences', 'token_audience_wrong', { aud: [audience, 'https://other.example'] }],
    ['its audience in a list', 'token_audience_wrong', { aud: [audience] }],
    ['no audience', 'token_audience_wrong', { aud: undefined }],
    ['an expiry in the past', 'token_expired', { exp: now() - 31 }],
    ['no expiry', 'token_malformed', { exp: undefined }],
    ['an expiry that is text', 'token_malformed', { exp: 'never' }],
    ['no time of issue', 'token_malformed', { iat: undefined }],
    ['a time of issue in the future', 'token_not_yet_valid', { iat: now() + 60 }],
    ['a start in the future', 'token_not_yet_valid', { nbf: now() + 60 }],
    ['no tenant', 'tenant_context_missing', { tenant: undefined }],
    ['a tenant that is no text', 'tenant_context_missing', { tenant: ['acme'] }],
    ['no actor', 'tenant_context_missing', { act: undefined }],
    ['an actor that is no object', 'tenant_context_missing', { act: ['x'] }],
    ['one actor too many', 'actor_chain_too_long', { act: nested(5) }],
    ['a hundred actors', 'actor_chain_too_long', { act: nested(100) }],
  ] as const)('refuses a token with %s', async (_, code, change) => {
    const changes = typeof change === 'function' ? change(broker) : change;
    const error = await refusal(verifier().verify(`Bearer ${await broker.token(changes)}`));
    expect(error).toMatchObject({ code, status: 401 });
    expect(error.wwwAuthenticate).toBe(`Bearer error="invalid_token", error_description="${code}"`);
    expect(error.message).not.toContain('eyJ');
  });

  it('takes as many actors as it is told', async () => {
    const token = await broker.token({ act: nested(4) });
    expect((await verifier().verify(`Bearer ${token}`)).actors).toHaveLength(4);
    expect((await refusal(verifier({ maxDepth: 3 }).verify(`Bearer ${token}`))).code).toBe(
      'actor_chain_too_long',
    );
  });

  it('tolerates half a minute of difference between clocks', async () => {
    await expect(
      verifier().verify(`Bearer ${await broker.token({ exp: now() - 5 })}`),
    ).resolves.toBeDefined();
    await expect(
      verifier().verify(`Bearer ${await broker.token({ iat: now() + 20 })}`),
    ).resolves.toBeDefined();
  });

  it.each([
    ['an ID token', 'token_type_wrong', { typ: 'JWT' }],
    ['a client assertion', 'token_type_wrong', { typ: 'client-authentication+jwt' }],
    ['a token that names where its key is', 'token_malformed', { jku: 'https://evil.example/keys' }],
    ['an unknown key', 'token_key_unknown', { kid: 'somebody-else' }],
    ['a hostile key id', 'token_key_unknown', { kid: '__proto__' }],
  ] as const)('refuses %s', async (_, code, header) => {
    expect((await refusal(verifier().verify(`Bearer ${await broker.token({}, header)}`))).code).toBe(code);
  });

  it('refuses another algorithm before it looks for keys', async () => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const kid = broker.signer.jwks.keys[0]?.kid;
    const payload = encode(broker.claims());
    const none = `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.`;
    const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}`;
    const confused = `${input}.${createHmac('sha256', JSON.stringify(broker.signer.jwks.keys[0])).update(input).digest('base64url')}`;
    for (const token of [none, confused])
      expect((await refusal(verifier().verify(`Bearer ${token}`))).code).toBe('token_algorithm_refused');
    expect(broker.keyFetches).toBe(0);
  });

  it('refuses a signature by another key under the broker’s key id', async () => {
    const kid = broker.signer.jwks.keys[0]?.kid ?? '';
    const forged = await (await newParty()).sign(broker.claims(), { typ: 'at+jwt', kid });
    expect((await refusal(verifier().verify(`Bearer ${forged}`))).code).toBe('token_signature_wrong');
  });

  it.each([
    ['nothing', undefined, 'token_missing'],
    ['an empty header', '', 'token_missing'],
    ['another scheme', 'Basic YTpi', 'token_malformed'],
    ['two tokens', 'Bearer a.b.c, Bearer d.e.f', 'token_malformed'],
    ['no JWT', 'Bearer hello', 'token_malformed'],
    ['64 KiB', `Bearer ${'a'.repeat(65_536)}`, 'token_malformed'],
  ] as const)('refuses %s', async (_, header, code) => {
    const error = await refusal(verifier().verify(header));
    expect(error).toMatchObject({ code, status: 401 });
  });

  it('asks a caller without credentials for some, and names no error (RFC 6750 §3.1)', async () => {
    expect((await refusal(verifier().verify(undefined))).wwwAuthenticate).toBe('Bearer');
  });

  it('follows a rotation at once, but a flood of unknown keys only within its budget', async () => {
    let clock = Date.now();
    const checks = verifier({ now: () => clock });
    await checks.verify(`Bearer ${await broker.token()}`);
    broker.signer = await newParty();
    await expect(checks.verify(`Bearer ${await broker.token()}`)).resolves.toBeDefined();
    expect(broker.keyFetches).toBe(2);
    for (let attempt = 0; attempt < 20; attempt++)
      await refusal(checks.verify(`Bearer ${await broker.token({}, { kid: `unknown-${attempt}` })}`));
    expect(broker.keyFetches).toBe(4);
    await expect(checks.verify(`Bearer ${await broker.token()}`)).resolves.toBeDefined();
    broker.signer = await newParty();
    clock += 10_000;
    await expect(checks.verify(`Bearer ${await broker.token()}`)).resolves.toBeDefined();
  });

  it('goes on with the keys that it has while the broker is down, but not for ever', async () => {
    let clock = Date.now();
    const checks = verifier({ now: () => clock });
    await checks.verify(`Bearer ${await broker.token()}`);
    broker.isDown = true;
    clock += 3600_000;
    const later = Math.floor(clock / 1000);
    const fresh = await broker.token({ iat: later, exp: later + 300 });
    await expect(checks.verify(`Bearer ${fresh}`)).resolves.toBeDefined();
    clock += 24 * 3600_000;
    const error = await refusal(checks.verify(`Bearer ${fresh}`));
    expect(error).toMatchObject({ code: 'broker_unavailable', status: 503, wwwAuthenticate: undefined });
  });

  it('says that the broker is not there, and recovers when it is', async () => {
    broker.isDown = true;
    const checks = verifier();
    const authorization = `Bearer ${await broker.token()}`;
    expect((await refusal(checks.verify(authorization))).code).toBe('broker_unavailable');
    broker.isDown = false;
    await expect(checks.verify(authorization)).resolves.toBeDefined();
  });
});
