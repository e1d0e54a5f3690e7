import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Party } from '../support/party.ts';
import { bearerGrant, exchangeGrant, openStage, type Stage, tokenType } from './stage.ts';

let stage: Stage;
let server: oauth.AuthorizationServer;
/** Plain http is for these tests alone. */
const insecure = { [oauth.allowInsecureRequests]: true };

beforeAll(async () => {
  stage = await openStage();
  server = await discover('oauth2');
});
afterAll(() => stage.close());

async function discover(algorithm: 'oauth2' | 'oidc'): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(stage.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function exchange(
  client: oauth.Client,
  party: Party,
  parameters: Record<string, string>,
): Promise<oauth.TokenEndpointResponse> {
  const authentication = oauth.PrivateKeyJwt(party.privateKey);
  const response = await oauth.genericTokenEndpointRequest(
    server,
    client,
    authentication,
    exchangeGrant,
    parameters,
    insecure,
  );
  return oauth.processGenericTokenEndpointResponse(server, client, response);
}

async function tokenFor(audience: string): Promise<string> {
  const answer = await exchange({ client_id: stage.acme.clientId }, stage.acme.client, {
    subject_token: await stage.acme.idToken(),
    subject_token_type: tokenType.idToken,
    audience,
  });
  return answer.access_token;
}

const request = (token: string) =>
  new Request(`${stage.url}/any`, { headers: { authorization: `Bearer ${token}` } });

describe('oauth4webapi', () => {
  it.each(['oauth2', 'oidc'] as const)('finds the broker by %s discovery', async (algorithm) => {
    expect(await discover(algorithm)).toMatchObject({ issuer: stage.url });
  });

  it('gets management tokens', async () => {
    const client = { client_id: stage.market.providerClientId };
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.PrivateKeyJwt(stage.market.providerClient.privateKey),
      { scope: 'usage:read' },
      insecure,
    );
    const answer = await oauth.processClientCredentialsResponse(server, client, response);
    expect(answer).toMatchObject({ scope: 'usage:read', token_type: 'bearer' });
  });

  it('redeems what the tenant’s identity provider made for the broker', async () => {
    const client = { client_id: stage.acme.clientId };
    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.PrivateKeyJwt(stage.acme.client.privateKey),
      bearerGrant,
      { assertion: await stage.idJag({ resource: `${stage.url}/a2a/skyways/flights` }) },
      insecure,
    );
    const answer = await oauth.processGenericTokenEndpointResponse(server, client, response);
    const resource = `${stage.url}/a2a/skyways/flights`;
    const claims = await oauth.validateJwtAccessToken(
      server,
      request(answer.access_token),
      resource,
      insecure,
    );
    expect(claims).toMatchObject({ tenant: 'acme', client_id: 'acme-app' });
  });

  it('validates our tokens as a resource server: at+jwt, issuer, audience, claims, signature', async () => {
    const resource = `${stage.url}/a2a/skyways/flights`;
    const token = await tokenFor('skyways/flights');
    const claims = await oauth.validateJwtAccessToken(server, request(token), resource, insecure);
    expect(claims).toMatchObject({ iss: stage.url, aud: resource, client_id: 'acme-app', tenant: 'acme' });
  });

  it('refuses our token as another resource server', async () => {
    const token = await tokenFor('skyways/flights');
    await expect(
      oauth.validateJwtAccessToken(server, request(token), `${stage.url}/a2a/skyways/trains`, insecure),
    ).rejects.toThrow(/aud/);
  });

  it('sees a refusal as the error that it is', async () => {
    await expect(tokenFor('skyways/none')).rejects.toMatchObject({
      name: 'ResponseBodyError',
      error: 'invalid_target',
      status: 400,
    });
  });

  it('finds its way from a refused call to the broker (RFC 9728)', async () => {
    const url = new URL(`${stage.url}/a2a/skyways/flights/jsonrpc`);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } });
    const headers = new Headers({ 'content-type': 'application/json', 'a2a-version': '1.0' });
    const refused: unknown = await oauth
      .protectedResourceRequest('not-a-token', 'POST', url, headers, body, insecure)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(oauth.WWWAuthenticateChallengeError);
    const [challenge] = (refused as oauth.WWWAuthenticateChallengeError).cause;
    expect(challenge).toMatchObject({ scheme: 'bearer', parameters: { error: 'invalid_token' } });
    const resource = new URL(`${stage.url}/a2a/skyways/flights`);
    expect(challenge?.parameters['resource_metadata']).toBe(
      `${stage.url}/.well-known/oauth-protected-resource/a2a/skyways/flights`,
    );
    const discovered = await oauth.processResourceDiscoveryResponse(
      resource,
      await oauth.resourceDiscoveryRequest(resource, insecure),
    );
    expect(discovered.authorization_servers).toEqual([server.issuer]);

    const token = await tokenFor('skyways/flights');
    const accepted = await oauth.protectedResourceRequest(token, 'POST', url, headers, body, insecure);
    expect(accepted.status).toBe(200);
  });
});
