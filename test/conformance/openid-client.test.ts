import { decodeJwt } from 'jose';
import {
  allowInsecureRequests,
  clientCredentialsGrant,
  type Configuration,
  discovery,
  fetchProtectedResource,
  genericGrantRequest,
  getDPoPHandle,
  PrivateKeyJwt,
  randomDPoPKeyPair,
} from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Party } from '../support/party.ts';
import { bearerGrant, exchangeGrant, openStage, type Stage, tokenType } from './stage.ts';

let stage: Stage;
/** Demands nonces in proofs of possession. */
let strict: Stage;
beforeAll(async () => {
  stage = await openStage();
  strict = await openStage({}, { BROKER_DPOP_NONCES: 'required' });
});
afterAll(async () => {
  await stage.close();
  await strict.close();
});

/** As its users set it up; plain http is for these tests alone. */
function configure(
  clientId: string,
  party: Party,
  algorithm: 'oauth2' | 'oidc',
  at = stage,
): Promise<Configuration> {
  const kid = party.jwks.keys[0]?.kid;
  const key = kid === undefined ? party.privateKey : { key: party.privateKey, kid };
  return discovery(new URL(at.url), clientId, undefined, PrivateKeyJwt(key), {
    algorithm,
    execute: [allowInsecureRequests],
  });
}

describe('openid-client', () => {
  it.each(['oauth2', 'oidc'] as const)('finds the broker by %s discovery', async (algorithm) => {
    const config = await configure(stage.acme.clientId, stage.acme.client, algorithm);
    expect(config.serverMetadata()).toMatchObject({
      issuer: stage.url,
      token_endpoint: `${stage.url}/oauth/token`,
    });
  });

  it('gets management tokens (RFC 6749 §4.4, RFC 7523 §2.2)', async () => {
    const { providerClient, providerClientId } = stage.market;
    const config = await configure(providerClientId, providerClient, 'oauth2');
    const answer = await clientCredentialsGrant(config, { scope: 'usage:read' });
    expect(answer).toMatchObject({ token_type: 'bearer', scope: 'usage:read', expires_in: 300 });
    const response = await fetch(`${stage.url}/v1/usage`, {
      headers: { authorization: `Bearer ${answer.access_token}` },
    });
    expect(response.status).toBe(200);
  });

  it('exchanges a tenant’s token, and the agent that got it passes it on (RFC 8693)', async () => {
    const app = await configure(stage.acme.clientId, stage.acme.client, 'oauth2');
    const first = await genericGrantRequest(app, exchangeGrant, {
      subject_token: await stage.acme.idToken(),
      subject_token_type: tokenType.idToken,
      resource: `${stage.url}/a2a/skyways/flights`,
    });
    const agent = await configure(stage.flightsClientId, stage.flights, 'oauth2');
    const second = await genericGrantRequest(agent, exchangeGrant, {
      subject_token: first.access_token,
      subject_token_type: tokenType.accessToken,
      audience: 'skyways/trains',
      scope: 'a2a:invoke',
    });
    expect(second).toMatchObject({ issued_token_type: tokenType.accessToken, scope: 'a2a:invoke' });
    expect(decodeJwt(second.access_token)).toMatchObject({
      aud: `${stage.url}/a2a/skyways/trains`,
      tenant: 'acme',
      act: { sub: 'skyways-flights', act: { sub: 'acme-app' } },
    });
  });

  it('redeems what the tenant’s identity provider made for the broker (RFC 7523 §2.1)', async () => {
    const app = await configure(stage.acme.clientId, stage.acme.client, 'oauth2');
    const assertion = await stage.idJag();
    const answer = await genericGrantRequest(app, bearerGrant, { assertion, audience: 'skyways/flights' });
    expect(answer).toMatchObject({ token_type: 'bearer', scope: 'a2a:invoke a2a:read' });
    expect(decodeJwt(answer.access_token)).toMatchObject({ tenant: 'acme', client_id: 'acme-app' });
    await expect(
      genericGrantRequest(app, bearerGrant, { assertion, audience: 'skyways/flights' }),
    ).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
  });

  it('binds its tokens to a key, learns nonces, and calls with them (RFC 9449)', async () => {
    const config = await configure(
      strict.market.providerClientId,
      strict.market.providerClient,
      'oauth2',
      strict,
    );
    const dpop = getDPoPHandle(config, await randomDPoPKeyPair('ES256'));
    const answer = await clientCredentialsGrant(config, { scope: 'usage:read' }, { DPoP: dpop });
    expect(answer).toMatchObject({ token_type: 'dpop', scope: 'usage:read' });
    const thumbprint = await dpop.calculateThumbprint();
    expect(decodeJwt(answer.access_token)['cnf']).toEqual({ jkt: thumbprint });
    const url = new URL(`${strict.url}/v1/usage`);
    const read = () =>
      fetchProtectedResource(config, answer.access_token, url, 'GET', null, undefined, { DPoP: dpop });
    expect((await read()).status).toBe(200);
    expect((await read()).status).toBe(200);
  });

  it('sees a refusal as the error that it is', async () => {
    const config = await configure(stage.acme.clientId, stage.acme.client, 'oauth2');
    const attempt = genericGrantRequest(config, exchangeGrant, {
      subject_token: await stage.acme.idToken(),
      subject_token_type: tokenType.idToken,
      audience: 'skyways/none',
    });
    await expect(attempt).rejects.toMatchObject({ error: 'invalid_target', status: 400 });
  });

  it('sees a wrong key as invalid_client', async () => {
    const config = await configure(stage.acme.clientId, stage.flights, 'oauth2');
    await expect(clientCredentialsGrant(config)).rejects.toMatchObject({
      error: 'invalid_client',
      status: 401,
    });
  });
});
