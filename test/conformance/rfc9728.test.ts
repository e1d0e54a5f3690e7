import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/market.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const resourceOf = (agent: string) => `${stage.url}/a2a/${agent}`;
const read = (agent: string) => fetch(`${stage.url}/.well-known/oauth-protected-resource/a2a/${agent}`);
const callAgent = (headers: Record<string, string> = {}, agent = 'skyways/flights') =>
  fetch(`${resourceOf(agent)}/jsonrpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } }),
  });

describe('RFC 9728, OAuth 2.0 Protected Resource Metadata', () => {
  it('§2 says which resource, whose tokens, which scopes, and how a token is sent', async () => {
    const response = await read('skyways/flights');
    expect(await response.json()).toEqual({
      resource: resourceOf('skyways/flights'),
      authorization_servers: [stage.url],
      scopes_supported: ['a2a:invoke', 'a2a:read'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      dpop_bound_access_tokens_required: false,
    });
  });

  it('§3.1 is where the resource’s own address says: between its host and its path', async () => {
    const { resource } = (await (await read('skyways/flights')).json()) as { resource: string };
    const { origin, pathname } = new URL(resource);
    const again = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
    expect(await again.json()).toMatchObject({ resource });
  });

  it('§3.2 is JSON with status 200', async () => {
    const response = await read('skyways/flights');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
  });

  it('§3.3 names the resource for which it was asked', async () => {
    for (const agent of ['skyways/flights', 'skyways/trains'])
      expect(await (await read(agent)).json()).toMatchObject({ resource: resourceOf(agent) });
  });

  it('§3 there is none for what is not on offer', async () => {
    await call(stage.market, 'POST', '/v1/agents/skyways/trains/suspend', { reason: 'trouble' });
    const answers = await Promise.all(['skyways/none', 'skyways/trains', 'nobody/none'].map(read));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    await call(stage.market, 'POST', '/v1/agents/skyways/trains/publish', { reason: 'mended' });
  });

  it('§5.1 a refused call says where it is', async () => {
    const url = `${stage.url}/.well-known/oauth-protected-resource/a2a/skyways/flights`;
    const without = await callAgent();
    expect(without.status).toBe(401);
    const orDpop = `, DPoP resource_metadata="${url}", algs="ES256 EdDSA PS256"`;
    expect(without.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${url}"${orDpop}`);
    const withBad = await callAgent({ authorization: 'Bearer x' });
    expect(withBad.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", resource_metadata="${url}"${orDpop}`,
    );
  });

  it('§5.1 so does every other 401, whatever was sent in place of a token, and for whatever agent', async () => {
    const { body } = await stage.exchange({ audience: 'skyways/trains' });
    const management = (await stage.clientCredentials()).body.access_token;
    const sent = [
      '',
      'Bearer',
      'Bearer a b',
      'Basic eDp5',
      'DPoP x',
      `Bearer ${body.access_token}`,
      `Bearer ${management}`,
    ];
    for (const agent of ['skyways/flights', 'nobody/none'])
      for (const authorization of sent) {
        const answer = await callAgent({ authorization }, agent);
        const metadata = `resource_metadata="${stage.url}/.well-known/oauth-protected-resource/a2a/${agent}"`;
        expect([authorization, answer.status]).toEqual([authorization, 401]);
        expect(answer.headers.get('www-authenticate')).toContain(metadata);
        for (const scheme of [/(?:^|, )Bearer /, /(?:^|, )DPoP /])
          expect(answer.headers.get('www-authenticate')).toMatch(scheme);
      }
  });

  it('§5 from a refusal to a token that works, with nothing known but the agent’s address', async () => {
    const challenge = (await callAgent()).headers.get('www-authenticate') ?? '';
    const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '';
    const metadata = (await (await fetch(metadataUrl)).json()) as {
      resource: string;
      authorization_servers: [string];
    };
    const [issuer] = metadata.authorization_servers;
    const server = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
    expect(await server.json()).toMatchObject({ issuer, token_endpoint: `${stage.url}/oauth/token` });
    const { body } = await stage.exchange({ audience: undefined, resource: metadata.resource });
    const answer = await callAgent({ authorization: `Bearer ${body.access_token}` });
    // The task is not known, but whoever hears that was let in.
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('TASK_NOT_FOUND')]);
  });
});
