import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Party } from '../support/party.ts';
import { bearerGrant, exchangeGrant, flightsUrl, openStage, type Stage, tokenType } from './stage.ts';

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

  it('binds an agent’s token to a key, and calls the agent with proofs and nonces (RFC 9449)', async () => {
    const strict = await openStage({}, { BROKER_DPOP_NONCES: 'required' });
    const issuer = new URL(strict.url);
    const at = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    );
    const client = { client_id: strict.acme.clientId };
    const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'));
    const ask = async () => {
      const parameters = {
        subject_token: await strict.acme.idToken(),
        subject_token_type: tokenType.idToken,
        audience: 'skyways/flights',
      };
      const authentication = oauth.PrivateKeyJwt(strict.acme.client.privateKey);
      const options = { ...insecure, DPoP };
      const response = await oauth.genericTokenEndpointRequest(
        at,
        client,
        authentication,
        exchangeGrant,
        parameters,
        options,
      );
      return oauth.processGenericTokenEndpointResponse(at, client, response);
    };
    const first: unknown = await ask().catch((error: unknown) => error);
    expect(oauth.isDPoPNonceError(first)).toBe(true);
    const { access_token, token_type } = await ask();
    expect(token_type).toBe('dpop');
    const url = new URL(`${strict.url}/a2a/skyways/flights/jsonrpc`);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } });
    const headers = new Headers({ 'content-type': 'application/json', 'a2a-version': '1.0' });
    const options = { ...insecure, DPoP };
    for (let time = 0; time < 2; time++) {
      const answer = await oauth.protectedResourceRequest(access_token, 'POST', url, headers, body, options);
      expect(answer.status).toBe(200);
    }
    await strict.close();
  });

  it('validates bound tokens and their proofs as a resource server that is called directly', async () => {
    const client = { client_id: stage.acme.clientId };
    const keys = await oauth.generateKeyPair('ES256');
    const DPoP = oauth.DPoP({}, keys);
    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.PrivateKeyJwt(stage.acme.client.privateKey),
      exchangeGrant,
      {
        subject_token: await stage.acme.idToken(),
        subject_token_type: tokenType.idToken,
        resource: flightsUrl,
      },
      { ...insecure, DPoP },
    );
    const { access_token } = await oauth.processGenericTokenEndpointResponse(server, client, response);
    let seen: Request | undefined;
    const keep = (url: string, init: object) => {
      seen = new Request(url, init);
      return Promise.resolve(new Response());
    };
    await oauth.protectedResourceRequest(access_token, 'POST', new URL(flightsUrl), undefined, null, {
      ...insecure,
      DPoP,
      [oauth.customFetch]: keep,
    });
    const claims = await oauth.validateJwtAccessToken(server, seen as Request, flightsUrl, insecure);
    expect(claims).toMatchObject({
      aud: flightsUrl,
      tenant: 'acme',
      cnf: { jkt: expect.any(String) as string },
    });
  });
});
