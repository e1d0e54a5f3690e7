import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say } from '../support/a2a.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

/** The two protected resources: an agent behind the gateway, and the management API. */
const callAgent = (
  headers: Record<string, string> = {},
  call: object = { method: 'GetTask', params: { id: 't' } },
) =>
  fetch(`${stage.url}/a2a/skyways/flights/jsonrpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...call }),
  });
const callApi = (headers: Record<string, string> = {}, path = '/v1/usage') =>
  fetch(`${stage.url}${path}`, { headers });
const challengeOf = (response: Response) => response.headers.get('www-authenticate') ?? '';
const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });

describe('RFC 6750, OAuth 2.0 Bearer Token Usage', () => {
  describe('§2.1 Authorization Request Header Field', () => {
    it('takes the token after Bearer, in any case', async () => {
      const agentToken = (await stage.exchange()).body.access_token;
      const apiToken = (await stage.clientCredentials()).body.access_token;
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        expect((await callAgent({ authorization: `${scheme} ${agentToken}` })).status).toBe(200);
        expect((await callApi({ authorization: `${scheme} ${apiToken}` })).status).toBe(200);
      }
    });

    it('takes no other scheme and no more than one token', async () => {
      const { access_token } = (await stage.clientCredentials()).body;
      for (const authorization of [`Basic ${access_token}`, `${access_token}`, `Bearer ${access_token} x`])
        expect((await callApi({ authorization })).status).toBe(401);
    });
  });

  describe('§2.3 URI Query Parameter', () => {
    it('is not supported: addresses get into logs', async () => {
      const { access_token } = (await stage.clientCredentials()).body;
      expect((await callApi({}, `/v1/usage?access_token=${access_token}`)).status).toBe(401);
    });
  });

  describe('§3 The WWW-Authenticate Response Header Field', () => {
    it('§3.1 without a token there is a challenge, and no error in it', async () => {
      for (const response of [await callAgent(), await callApi()]) {
        expect(response.status).toBe(401);
        expect(challengeOf(response)).toMatch(/^Bearer\b/);
        expect(challengeOf(response)).not.toContain('error');
      }
    });

    it.each([
      ['no token at all', () => Promise.resolve('x')],
      [
        'a token for something else',
        async () => (await stage.exchange({ audience: 'skyways/trains' })).body.access_token ?? '',
      ],
      ['a token of somebody else', () => stage.acme.idToken()],
    ])('§3.1 with %s it is invalid_token', async (_, make) => {
      const headers = bearer(await make());
      for (const response of [await callAgent(headers), await callApi(headers)]) {
        expect(response.status).toBe(401);
        expect(challengeOf(response)).toContain('error="invalid_token"');
      }
    });

    it('§3.1 with a token of too little scope it is insufficient_scope, with 403', async () => {
      const reader = bearer((await stage.exchange({ scope: 'a2a:read' })).body.access_token);
      const agent = await callAgent(reader, { method: 'SendMessage', params: say('hi') });
      expect(agent.status).toBe(403);
      expect(challengeOf(agent)).toContain('error="insufficient_scope"');
      const billing = bearer((await stage.clientCredentials({ scope: 'billing:read' })).body.access_token);
      const api = await callApi(billing);
      expect(api.status).toBe(403);
      expect(challengeOf(api)).toContain('error="insufficient_scope"');
    });
  });

  describe('§5.3 Security: short lives, one audience, no caching', () => {
    it('tokens live for minutes and the answer that has one is not kept', async () => {
      for (const { headers, body } of [await stage.exchange(), await stage.clientCredentials()]) {
        expect(body.expires_in).toBeLessThanOrEqual(300);
        expect(headers.get('cache-control')).toBe('no-store');
      }
    });

    it('a token for an agent is none for the management API, nor the other way round', async () => {
      const agentToken = bearer((await stage.exchange()).body.access_token);
      const apiToken = bearer((await stage.clientCredentials()).body.access_token);
      expect((await callApi(agentToken)).status).toBe(401);
      expect((await callAgent(apiToken)).status).toBe(401);
    });
  });
});
