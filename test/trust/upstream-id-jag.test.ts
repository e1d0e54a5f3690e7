import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../../src/outbound/port.ts';
import type { Deployment } from '../../src/registry/index.ts';
import type { CallContext, Standing } from '../../src/trust/index.ts';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import { addAgent, addTenant, type CastAgent, exchange, jwksOf, subscribe, verified } from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory] = engines;
const server = 'https://login.skyways.example';
const tokenEndpoint = `${server}/token`;
const good = { access_token: 'theirs', token_type: 'Bearer', expires_in: 300 };

let world: TrustWorld;
let flights: CastAgent;
let serverId: string;
let call: CallContext;
let standing: Standing;
let deployment: Deployment;
/** What was sent, and what is answered: a body, a status, or a failure. */
let sent: OutboundRequest[];
let answers: Record<string, unknown>;

const respond = (request: OutboundRequest): Promise<OutboundResponse> => {
  sent.push(request);
  const answer = answers[request.url] ?? 404;
  if (answer instanceof Error) return Promise.reject(answer);
  if (typeof answer === 'number') return Promise.resolve({ status: answer, headers: {}, body: '' });
  const body = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return Promise.resolve({ status: 200, headers: {}, body });
};

beforeEach(async () => {
  sent = [];
  answers = {
    [`${server}/.well-known/openid-configuration`]: { issuer: server, token_endpoint: tokenEndpoint },
    [tokenEndpoint]: good,
  };
  const outbound = { fetch: respond, resolveTxt: () => Promise.resolve([]) };
  world = await openTrust(memory ?? expect.fail(), { outbound });
  const acme = await addTenant(world, 'acme');
  flights = await addAgent(world, 'skyways/flights');
  await subscribe(world, acme, flights);
  const issuer = { issuer: server, jwks: jwksOf(await newParty()) };
  serverId = (await world.trust.registerIssuer('provider:skyways', issuer, operator)).id;
  const change = { authorizationServer: server, brokerClientId: 'the-broker' };
  deployment = await world.registry.changeDeployment(flights.id, 'default', change, { by: operator });
  await takeCall(acme);
});
afterEach(() => world.dispose());

async function takeCall(acme: Awaited<ReturnType<typeof addTenant>>): Promise<void> {
  const { access_token } = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
  const verifiedCall = await world.trust.verifyCallToken(access_token, flights.id);
  if (!verifiedCall.ok) throw new Error(verifiedCall.error);
  call = verifiedCall.value;
  const checked = await world.trust.checkStanding(call);
  if (!checked.ok) throw new Error(checked.error);
  standing = checked.value;
}

const upstream = () => world.trust.upstreamToken(call, standing, deployment);
const reason = async () =>
  upstream().then(
    ({ token }) => token,
    (error: unknown) => (error as { reason: string }).reason,
  );
const delegations = async () =>
  (await world.store.snapshot()).filter(({ sort }) => sort === 'delegation').length;

describe('the gateway’s token for an agent behind its provider’s authorization server', () => {
  it('is what that server gives for an ID-JAG about the caller’s context', async () => {
    const { token, delegationId, expiresAt } = await upstream();
    expect([token, expiresAt]).toEqual(['theirs', call.expiresAt]);
    const request = sent.at(-1);
    expect(request).toMatchObject({ url: tokenEndpoint, method: 'POST' });
    const form = Object.fromEntries(new URLSearchParams(request?.body));
    expect(form).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const { claims } = call.delegation;
    const { payload } = await verified(world, form['assertion'] ?? '', 'oauth-id-jag+jwt');
    expect(payload).toMatchObject({
      aud: server,
      client_id: 'the-broker',
      resource: flights.resource,
      tenant: 'acme',
      txn: claims['txn'],
      sub: claims['sub'],
      act: claims['act'],
    });
    const proof = form['client_assertion'] ?? '';
    expect(decodeProtectedHeader(proof).typ).toBe('client-authentication+jwt');
    const now = epochSeconds(world.clock);
    expect(decodeJwt(proof)).toEqual({
      iss: 'the-broker',
      sub: 'the-broker',
      aud: server,
      jti: expect.stringMatching(/^jti_/),
      iat: now,
      exp: now + 60,
    });
    expect(await world.trust.findDelegation(delegationId)).toMatchObject({
      parent: call.delegation.id,
      authorizationServer: server,
      deployment: 'default',
    });
    expect((await trail(world.audit)).at(-1)).toMatchObject({
      action: 'token.reissue',
      detail: { delegation: delegationId },
      restricted: { authorizationServer: server },
      own: { 'provider:skyways': { authorizationServer: server } },
    });
    expect(JSON.stringify(await trail(world.audit))).not.toContain('theirs');
  });

  it('is asked for once, until half of its life, by however many calls', async () => {
    answers[tokenEndpoint] = { ...good, expires_in: 100 };
    await Promise.all([upstream(), upstream(), upstream()]);
    const asked = () => sent.filter(({ url }) => url === tokenEndpoint).length;
    expect(asked()).toBe(1);
    world.clock.advance(49_000);
    await upstream();
    expect(asked()).toBe(1);
    world.clock.advance(1_000);
    await upstream();
    expect(asked()).toBe(2);
    // Where its endpoint is was known.
    expect(sent.length).toBe(3);
  });

  it('of several callers at a time asks once where the server’s endpoint is', async () => {
    const other = { ...deployment, id: 'other' };
    await Promise.all([upstream(), world.trust.upstreamToken(call, standing, other)]);
    expect(sent.map(({ url }) => url).toSorted()).toEqual([
      `${server}/.well-known/openid-configuration`,
      tokenEndpoint,
      tokenEndpoint,
    ]);
  });

  it('is another when the deployment says another server or id', async () => {
    await upstream();
    const change = { brokerClientId: 'renamed' };
    deployment = await world.registry.changeDeployment(flights.id, 'default', change, { by: operator });
    await upstream();
    expect(sent.filter(({ url }) => url === tokenEndpoint)).toHaveLength(2);
    deployment = await world.registry.changeDeployment(
      flights.id,
      'default',
      { authorizationServer: null },
      { by: operator },
    );
    expect(deployment).not.toHaveProperty('brokerClientId');
    expect(decodeJwt((await upstream()).token)).toMatchObject({ iss: brokerUrl, aud: flights.resource });
  });

  it('comes from where the server’s metadata says, at either of the two places', async () => {
    delete answers[`${server}/.well-known/openid-configuration`];
    answers[`${server}/.well-known/oauth-authorization-server`] = {
      issuer: server,
      token_endpoint: tokenEndpoint,
    };
    expect(await reason()).toBe('theirs');
  });

  it.each([
    ['of another issuer', { issuer: `${server}/`, token_endpoint: tokenEndpoint }, 'UPSTREAM_REFUSED'],
    ['without an endpoint', { issuer: server }, 'UPSTREAM_REFUSED'],
    ['with an endpoint that is none', { issuer: server, token_endpoint: 7 }, 'UPSTREAM_REFUSED'],
    ['that is no JSON', 'x', 'UPSTREAM_REFUSED'],
    ['that is not there', 404, 'UPSTREAM_UNREACHABLE'],
    ['that does not come', new OutboundError('timeout', 'slow'), 'UPSTREAM_TIMEOUT'],
    ['at an address that is refused', new OutboundError('address_refused', 'no'), 'UPSTREAM_UNREACHABLE'],
    ['that is too large', new OutboundError('too_large', 'no'), 'UPSTREAM_UNREACHABLE'],
  ])('is none where metadata is %s, and nothing was made', async (_, answer, expected) => {
    const before = await delegations();
    answers[`${server}/.well-known/openid-configuration`] = answer;
    expect(await reason()).toBe(expected);
    expect(await delegations()).toBe(before);
    expect(sent.some(({ url }) => url === tokenEndpoint)).toBe(false);
  });

  it.each([
    ['a refusal', 400],
    ['an error', 500],
    ['a redirect', new OutboundError('redirect_refused', 'no'), 'UPSTREAM_UNREACHABLE'],
    ['no JSON', 'x'],
    ['a list', []],
    ['no token', { ...good, access_token: undefined }],
    ['a token that is a number', { ...good, access_token: 7 }],
    ['a token with a line end', { ...good, access_token: 'a\r\nx-evil: 1' }],
    ['a token with a space', { ...good, access_token: 'a b' }],
    ['an endless token', { ...good, access_token: 'x'.repeat(9000) }],
    ['another type', { ...good, token_type: 'DPoP' }],
    ['no type', { ...good, token_type: undefined }],
    ['a token that is over', { ...good, expires_in: 0 }],
    ['a life that is none', { ...good, expires_in: 'soon' }],
  ])('is none when the server answers with %s', async (_, answer, expected = 'UPSTREAM_REFUSED') => {
    answers[tokenEndpoint] = answer;
    expect(await reason()).toBe(expected);
    // The next call is not stuck with it.
    world.clock.advance(2_000);
    answers[tokenEndpoint] = good;
    expect(await reason()).toBe('theirs');
  });

  it('never lives longer than the caller’s', async () => {
    answers[tokenEndpoint] = { ...good, expires_in: 86_400 };
    expect((await upstream()).expiresAt).toBe(call.expiresAt);
    deployment = { ...deployment, id: 'other' };
    answers[tokenEndpoint] = { access_token: 'theirs', token_type: 'bearer' };
    expect((await upstream()).expiresAt).toBe(call.expiresAt);
  });

  it('a server that does not answer is left alone for two seconds, one that refuses somebody is not', async () => {
    answers[tokenEndpoint] = new OutboundError('unreachable', 'down');
    expect(await reason()).toBe('UPSTREAM_UNREACHABLE');
    const [asked, made] = [sent.length, await delegations()];
    answers[tokenEndpoint] = good;
    world.clock.advance(1_999);
    expect(await reason()).toBe('UPSTREAM_UNREACHABLE');
    expect([sent.length, await delegations()]).toEqual([asked, made]);
    world.clock.advance(1);
    answers[tokenEndpoint] = 400;
    expect(await reason()).toBe('UPSTREAM_REFUSED');
    answers[tokenEndpoint] = good;
    expect(await reason()).toBe('theirs');
  });

  it('is never asked for at a server that is not, or no longer, the provider’s own issuer', async () => {
    await world.trust.setIssuerStatus('provider:skyways', serverId, 'disabled', operator);
    expect(await reason()).toBe('UPSTREAM_REFUSED');
    deployment = { ...deployment, authorizationServer: 'https://login.acme.example' };
    expect(await reason()).toBe('UPSTREAM_REFUSED');
    expect(sent).toEqual([]);
  });

  it('is used no more, though it is kept, while the server is not the provider’s own issuer', async () => {
    expect(await reason()).toBe('theirs');
    await world.trust.setIssuerStatus('provider:skyways', serverId, 'disabled', operator);
    expect(await reason()).toBe('UPSTREAM_REFUSED');
    await world.trust.setIssuerStatus('provider:skyways', serverId, 'active', operator);
    expect(await reason()).toBe('theirs');
  });
});
