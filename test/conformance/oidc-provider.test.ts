import { createHash } from 'node:crypto';
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../../examples/tenant/browser.ts';
import { openLine, say } from '../support/a2a.ts';
import { answer, scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { call } from '../support/market.ts';
import {
  appRedirect,
  bearerGrant,
  type OidcServer,
  startIdentityProvider,
  startIdJagServer,
} from '../support/oidc-servers.ts';
import { clientAssertion, newParty, type Party } from '../support/party.ts';
import { exchangeGrant, openStage, type Stage, tokenType } from './stage.ts';

const idJagType = 'urn:ietf:params:oauth:token-type:id-jag';
const insecure = { execute: [oidc.allowInsecureRequests] };

let stage: Stage;
let agent: ScriptedAgent;
let idp: OidcServer;
let server: Awaited<ReturnType<typeof startIdJagServer>>;
let desk: Party;
let rival: Party;

beforeAll(async () => {
  stage = await openStage();
  agent = await scriptedAgent();
  [desk, rival] = [await newParty(), await newParty()];
  idp = await startIdentityProvider({ id: 'travel-app', broker: stage.url });
  server = await startIdJagServer({
    broker: stage.url,
    clients: [
      { id: 'acme-at-skyways', jwks: desk.jwks },
      { id: 'rival', jwks: rival.jwks },
      { id: stage.url, jwksUri: `${stage.url}/.well-known/jwks.json` },
    ],
  });
  const { broker } = stage;
  await call(broker, 'POST', '/v1/tenants/acme/issuers', {
    issuer: idp.issuer,
    jwksUri: idp.jwksUri,
    algorithms: ['ES256'],
  });
  await call(broker, 'POST', '/v1/providers/skyways/issuers', {
    issuer: server.issuer,
    jwksUri: server.jwksUri,
  });
  await call(broker, 'POST', '/v1/agents/skyways/flights/deployments', {
    id: 'direct',
    model: 'pooled',
    url: agent.url,
    authorizationServer: server.issuer,
  });
  // What comes through the gateway goes there as well.
  await call(broker, 'PATCH', '/v1/agents/skyways/flights/deployments/default', { state: 'down' });
  await call(broker, 'POST', '/v1/clients', {
    id: 'acme-desk',
    name: 'Desk',
    owner: 'tenant:acme',
    jwks: desk.jwks,
    grantTypes: [exchangeGrant],
    issuerClientIds: { [idp.issuer]: 'travel-app', [server.issuer]: 'acme-at-skyways' },
  });
});
afterAll(async () => {
  await stage.close();
  await Promise.all([agent.close(), idp.close(), server.close()]);
});

/** The authorization code flow with PKCE, as an app runs it. */
async function signIn(resource?: string): Promise<oidc.TokenEndpointResponse> {
  const configuration = await oidc.discovery(
    new URL(idp.issuer),
    'travel-app',
    undefined,
    oidc.None(),
    insecure,
  );
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const start = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: appRedirect,
    scope: resource === undefined ? 'openid' : 'openid a2a:read',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    ...(resource === undefined ? {} : { resource }),
  });
  const end = await new Browser(appRedirect).arrive(start);
  return oidc.authorizationCodeGrant(configuration, end, {
    pkceCodeVerifier,
    expectedState,
    idTokenExpected: true,
  });
}

const asDesk = async (form: Record<string, string>) =>
  stage.post(
    new URLSearchParams({
      grant_type: exchangeGrant,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(desk, 'acme-desk', stage.url),
      ...form,
    }),
  );

async function idJag(): Promise<string> {
  const { id_token = '' } = await signIn();
  const { body } = await asDesk({
    subject_token: id_token,
    subject_token_type: tokenType.idToken,
    requested_token_type: idJagType,
    audience: server.issuer,
    resource: agent.url,
    scope: 'a2a:invoke',
  });
  expect(body).toMatchObject({ issued_token_type: idJagType, token_type: 'N_A', scope: 'a2a:invoke' });
  return body.access_token ?? '';
}

/** The agent trusts its own company's server, and nobody else. Gives what it accepts. */
function trustItsServer(): JWTPayload[] {
  const keys = createRemoteJWKSet(new URL(server.jwksUri));
  const seen: JWTPayload[] = [];
  agent.on((received) => {
    const token = received.headers.authorization?.replace('Bearer ', '') ?? '';
    void jwtVerify(token, keys, { issuer: server.issuer, audience: agent.url, typ: 'at+jwt' }).then(
      ({ payload }) => {
        seen.push(payload);
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } });
      },
      () => received.response.writeHead(401).end(),
    );
  });
  return seen;
}

/** At the provider's own authorization server, with an independent client. */
async function redeem(assertion: string, id = 'acme-at-skyways', party = desk) {
  const configuration = await oidc.discovery(
    new URL(server.issuer),
    id,
    undefined,
    oidc.PrivateKeyJwt(party.privateKey),
    insecure,
  );
  return oidc.genericGrantRequest(configuration, bearerGrant, { assertion });
}

describe('a real oidc-provider as a tenant’s identity provider', () => {
  it('its ID token becomes a token for an agent', async () => {
    const { id_token = '' } = await signIn();
    const { status, body } = await asDesk({
      subject_token: id_token,
      subject_token_type: tokenType.idToken,
      audience: 'skyways/flights',
    });
    expect([status, body.token_type]).toEqual([200, 'Bearer']);
    expect(decodeJwt(body.access_token ?? '')).toMatchObject({ tenant: 'acme', client_id: 'acme-desk' });
  });

  it('its JWT access token for the broker as well, with its scope as the ceiling', async () => {
    const { access_token } = await signIn(stage.url);
    expect(decodeJwt(access_token)).toMatchObject({ aud: stage.url, client_id: 'travel-app', sub: 'alice' });
    const { status, body } = await asDesk({
      subject_token: access_token,
      subject_token_type: tokenType.accessToken,
      audience: 'skyways/flights',
    });
    expect([status, body.scope]).toEqual([200, 'a2a:read']);
  });
});

describe('a real oidc-provider as a provider’s own authorization server', () => {
  it('redeems our ID-JAG, and the agent takes its token: same tenant, same transaction, same actors', async () => {
    const assertion = await idJag();
    const { access_token, token_type } = await redeem(assertion);
    expect(token_type).toBe('bearer');

    const seen = trustItsServer();
    const send = (token: string) =>
      fetch(agent.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: {} }),
      });
    expect((await send(access_token)).status).toBe(200);
    const { tenant, txn, act, sub, jti } = decodeJwt(assertion);
    expect(seen).toEqual([
      expect.objectContaining({ tenant, txn, act, sub, grant_jti: jti, scope: 'a2a:invoke' }),
    ]);
    expect(tenant).toBe('acme');
    expect((await send(assertion)).status).toBe(401);
  });

  it('refuses it a second time, from another client, and a token of ours that is none', async () => {
    const assertion = await idJag();
    const refused = { error: 'invalid_grant' };
    await expect(redeem(assertion, 'rival', rival)).rejects.toMatchObject(refused);
    await redeem(assertion);
    await expect(redeem(assertion)).rejects.toMatchObject(refused);
    const gateway = await stage.market.callToken(stage.acme);
    await expect(redeem(gateway)).rejects.toMatchObject(refused);
  });

  it('is a choice of the provider: there is no token of ours for that deployment', async () => {
    const { id_token = '' } = await signIn();
    const form = { subject_token: id_token, subject_token_type: tokenType.idToken, resource: agent.url };
    const { status, body } = await asDesk({ ...form, requested_token_type: tokenType.accessToken });
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect((await asDesk(form)).body.token_type).toBe('N_A');
  });

  it('gives its tokens to the gateway, which redeems an ID-JAG for each caller and keeps what it gets', async () => {
    const seen = trustItsServer();
    const before = server.redeemed.length;
    const line = await openLine(stage.market, stage.acme);
    const other = await openLine(stage.market, stage.acme);
    for (const each of [line, line, other])
      expect((await each.call('SendMessage', say('hi'))).status).toBe(200);
    expect(server.redeemed.length - before).toBe(2);
    const { txn, sub, act } = decodeJwt(line.token);
    expect(server.redeemed[before]).toMatchObject({ client_id: stage.url, tenant: 'acme', txn, sub, act });
    expect(seen).toHaveLength(3);
    expect(seen[0]).toMatchObject({ iss: server.issuer, aud: agent.url, tenant: 'acme', txn, sub, act });
  });

  it('is what usage is bound to: the digest of the ID-JAG’s id', async () => {
    trustItsServer();
    const line = await openLine(stage.market, stage.acme);
    await line.call('SendMessage', say('hi'));
    const { jti = '' } = server.redeemed.at(-1) ?? {};
    await call(stage.broker, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'search' });
    const response = await fetch(`${stage.url}/v1/usage/events`, {
      method: 'POST',
      headers: {
        'content-type': 'application/cloudevents+json',
        authorization: `Bearer ${await stage.market.providerToken()}`,
      },
      body: JSON.stringify({
        specversion: '1.0',
        id: 'one',
        source: `urn:${new URL(stage.url).host}:provider:skyways`,
        type: 'a2a.broker.usage.reported.v1',
        time: new Date().toISOString(),
        tenantid: 'acme',
        providerid: 'skyways',
        agentid: 'skyways/flights',
        delegationid: createHash('sha256').update(jti).digest('base64url'),
        data: { quantities: { searches: '1' } },
      }),
    });
    expect(await response.text()).toContain('accepted');
  });

  it('refuses the broker where it does not know it: the caller is told whose matter that is', async () => {
    trustItsServer();
    const deployment = '/v1/agents/skyways/flights/deployments/direct';
    await call(stage.broker, 'PATCH', deployment, { brokerClientId: 'nobody' });
    const calls = agent.calls.length;
    const got = await (await openLine(stage.market, stage.acme)).call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([502, 'UPSTREAM_REFUSED']);
    expect(got.text).not.toMatch(/nobody|invalid_client/);
    expect(agent.calls.length).toBe(calls);
    await call(stage.broker, 'PATCH', deployment, { brokerClientId: stage.url });
    expect((await (await openLine(stage.market, stage.acme)).call('SendMessage', say('hi'))).status).toBe(
      200,
    );
  });
});
