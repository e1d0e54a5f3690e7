import { decodeJwt, exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrokerClient, type BrokerError, createBrokerClient } from '../../src/kit/index.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { openTrustRoom, type TrustRoom } from './trust-room.ts';

describe('createBrokerClient', () => {
  let room: TrustRoom;
  let market: Market;
  let acme: MarketTenant;
  const clientOf = (tenant: MarketTenant, now?: () => number): BrokerClient =>
    createBrokerClient({
      broker: room.url,
      clientId: tenant.clientId,
      privateKey: tenant.client.privateKey,
      ...(now === undefined ? {} : { now }),
    });
  const tokenRequests = (): number => room.requests.get('/oauth/token') ?? 0;
  const refusal = async (attempt: Promise<unknown>): Promise<BrokerError> =>
    attempt.then(
      () => expect.fail('this should have been refused'),
      (error: unknown) => error as BrokerError,
    );

  beforeAll(async () => {
    room = await openTrustRoom();
    market = await openMarket(room, 'http://127.0.0.1:9/a2a');
    acme = await market.addTenant('acme');
  });
  afterAll(() => room.close());

  it('exchanges an ID token for one about the agent', async () => {
    const subjectToken = await acme.idToken();
    const token = await clientOf(acme).exchange({
      subjectToken,
      subjectTokenType: 'id_token',
      agent: market.agent,
      scope: ['a2a:invoke'],
    });
    expect(decodeJwt(token.accessToken)).toMatchObject({
      iss: room.url,
      aud: `${room.url}/a2a/${market.agent}`,
      tenant: 'acme',
    });
    expect(token.scope).toEqual(['a2a:invoke']);
    expect(token.expiresAt).toBeLessThanOrEqual(decodeJwt(token.accessToken).exp ?? 0);
  });

  it('takes the key as a JWK with its own kid as well', async () => {
    const privateKey = {
      ...(await exportJWK(acme.client.privateKey)),
      kid: acme.client.jwks.keys[0]?.kid ?? '',
    };
    const client = createBrokerClient({ broker: room.url, clientId: acme.clientId, privateKey });
    const request = {
      subjectToken: await acme.idToken(),
      subjectTokenType: 'id_token',
      agent: market.agent,
    } as const;
    await expect(client.exchange(request)).resolves.toMatchObject({ scope: ['a2a:invoke', 'a2a:read'] });
  });

  it('asks once for equal requests, at the same time and later, and again when anything differs', async () => {
    const client = clientOf(acme);
    const request = {
      subjectToken: await acme.idToken('coalesced'),
      subjectTokenType: 'id_token',
      agent: market.agent,
    } as const;
    const before = tokenRequests();
    const [one, two] = await Promise.all([client.exchange(request), client.exchange(request)]);
    const three = await client.exchange(request);
    expect(tokenRequests() - before).toBe(1);
    expect([two, three]).toEqual([one, one]);
    const narrower = await client.exchange({ ...request, scope: ['a2a:read'] });
    expect(narrower.accessToken).not.toBe(one.accessToken);
    await client.exchange({ ...request, subjectToken: await acme.idToken('somebody else') });
    expect(tokenRequests() - before).toBe(3);
  });

  it('does not give out a token that is about to expire, nor one that was refused', async () => {
    let now = Date.now();
    const client = clientOf(acme, () => now);
    const request = {
      subjectToken: await acme.idToken('expiring'),
      subjectTokenType: 'id_token',
      agent: market.agent,
    } as const;
    const first = await client.exchange(request);
    client.forget(first.accessToken);
    const second = await client.exchange(request);
    expect(second.accessToken).not.toBe(first.accessToken);
    // The real broker's clock stands at the present, so only as far as its tolerance for assertions.
    now = second.expiresAt * 1000 - 20_000;
    expect((await refusal(client.exchange(request))).code).toBe('invalid_client');
  });

  it('gets management tokens with the scopes asked for', async () => {
    const client = createBrokerClient({
      broker: room.url,
      clientId: market.providerClientId,
      privateKey: market.providerClient.privateKey,
    });
    expect((await client.clientCredentials(['usage:write'])).scope).toEqual(['usage:write']);
    expect((await refusal(client.clientCredentials(['audit:read']))).code).toBe('invalid_scope');
  });

  it.each([
    ['a client that the broker does not know', 'invalid_client', { clientId: 'nobody' }],
    ['a key that is not the registered one', 'invalid_client', { wrongKey: true }],
    ['an agent that does not exist', 'invalid_target', { agent: 'skyways/trains' }],
    ['a scope that the agent does not have', 'invalid_scope', { scope: ['everything'] }],
    ['a subject token that is none', 'invalid_request', { subjectToken: 'not.a.token' }],
    ['no agent at all', 'invalid_request', { agent: undefined }],
  ] as const)('says what is wrong with %s', async (_, code, change: Record<string, unknown>) => {
    const client = createBrokerClient({
      broker: room.url,
      clientId: (change['clientId'] as string | undefined) ?? acme.clientId,
      privateKey: 'wrongKey' in change ? (await newParty()).privateKey : acme.client.privateKey,
    });
    const request = {
      subjectToken: await acme.idToken(),
      subjectTokenType: 'id_token',
      agent: market.agent,
    } as const;
    const error = await refusal(client.exchange({ ...request, ...change }));
    expect(error).toMatchObject({ name: 'BrokerError', code, isTransient: false });
    expect(error.message).not.toContain('eyJ');
  });

  it('redeems an assertion that was made for the broker, once', async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: acme.issuer, sub: 'u', aud: room.url, client_id: acme.clientId, jti: 'once' };
    const assertion = await acme.idp.sign(
      { ...claims, iat: now, exp: now + 60 },
      { typ: 'oauth-id-jag+jwt' },
    );
    const client = clientOf(acme);
    const token = await client.redeem({ assertion, agent: market.agent, scope: ['a2a:read'] });
    expect(token.scope).toEqual(['a2a:read']);
    expect(decodeJwt(token.accessToken)).toMatchObject({ tenant: 'acme', client_id: acme.clientId });
    // What was used up is not found in a cache.
    const again = await refusal(client.redeem({ assertion, agent: market.agent, scope: ['a2a:read'] }));
    expect(again).toMatchObject({ code: 'invalid_grant', isTransient: false });
    expect(again.message).not.toContain('eyJ');
  });

  it('gets an ID-JAG for a deployment behind its provider’s authorization server, another each time', async () => {
    const server = 'https://login.skyways.example';
    const resource = 'https://direct.skyways.example/a2a';
    const jwks = (await newParty()).jwks;
    await call(room, 'POST', '/v1/providers/skyways/issuers', { issuer: server, jwks });
    await call(room, 'POST', `/v1/agents/${market.agent}/deployments`, {
      id: 'direct',
      model: 'pooled',
      url: resource,
      authorizationServer: server,
    });
    const client = clientOf(acme);
    const request = { subjectToken: await acme.idToken(), subjectTokenType: 'id_token', resource } as const;
    expect((await refusal(client.exchangeForIdJag(request))).code).toBe('unauthorized_client');
    await call(room, 'PATCH', `/v1/clients/${acme.clientId}`, {
      issuerClientIds: { [acme.issuer]: 'app', [server]: 'acme-there' },
    });
    const [one, two] = [await client.exchangeForIdJag(request), await client.exchangeForIdJag(request)];
    expect(decodeJwt(one.assertion)).toMatchObject({ aud: server, client_id: 'acme-there', resource });
    expect(decodeJwt(two.assertion).jti).not.toBe(decodeJwt(one.assertion).jti);
    // It is no token to call with, and is not taken for one.
    expect((await refusal(client.exchange(request))).code).toBe('answer_invalid');
    expect((await refusal(client.exchangeForIdJag({ ...request, resource: undefined }))).code).toBe(
      'invalid_request',
    );
  });

  it('tries a failed exchange anew instead of remembering the failure', async () => {
    const globex = await market.addTenant('globex');
    const client = clientOf(globex);
    const request = {
      subjectToken: await globex.idToken(),
      subjectTokenType: 'id_token',
      agent: market.agent,
    } as const;
    await call(room, 'PATCH', `/v1/clients/${globex.clientId}`, { status: 'disabled' });
    expect((await refusal(client.exchange(request))).code).toBe('invalid_client');
    await call(room, 'PATCH', `/v1/clients/${globex.clientId}`, { status: 'active' });
    await expect(client.exchange(request)).resolves.toBeDefined();
  });

  it('refuses a broker that calls itself otherwise, and says when there is none', async () => {
    const alias = createBrokerClient({
      broker: room.url.replace('127.0.0.1', 'localhost'),
      clientId: acme.clientId,
      privateKey: acme.client.privateKey,
    });
    const mismatch = await refusal(alias.clientCredentials(['usage:write']));
    expect(mismatch).toMatchObject({ code: 'answer_invalid' });
    expect(mismatch.message).toContain(room.url);
    const nobody = createBrokerClient({
      broker: 'http://127.0.0.1:9',
      clientId: 'x',
      privateKey: acme.client.privateKey,
    });
    const unreachable = await refusal(nobody.clientCredentials(['usage:write']));
    expect(unreachable).toMatchObject({ code: 'unreachable', isTransient: true });
  });
});
