import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flightsUrl, openStage, type Stage, type TokenResponse } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const get = (resource: string) => stage.exchange({ audience: undefined, resource });
const refused = ({ status, body }: TokenResponse) => `${status} ${body.error}`;

describe('RFC 8707, Resource Indicators for OAuth 2.0', () => {
  describe('§2 Resource Parameter', () => {
    it('a resource is the audience of the token, to the letter, and the only one', async () => {
      const brokered = `${stage.url}/a2a/skyways/flights`;
      for (const resource of [brokered, flightsUrl])
        expect(decodeJwt((await get(resource)).body.access_token ?? '').aud).toBe(resource);
    });

    it.each([
      ['unknown', 'https://nobody.example/'],
      ['not absolute', '/a2a/skyways/flights'],
      ['with a fragment', `${flightsUrl}#x`],
      ['with a query that is not registered', `${flightsUrl}?x=1`],
      ['a prefix of one', 'http://127.0.0.1:9/'],
      ['longer than one', `${flightsUrl}/more`],
      ['not a URI', 'flights of skyways'],
    ])('one that is %s is an invalid_target', async (_, resource) => {
      expect(refused(await get(resource))).toBe('400 invalid_target');
    });

    it('a request for several is refused: a token has one audience', async () => {
      const [one, two] = [`${stage.url}/a2a/skyways/flights`, `${stage.url}/a2a/skyways/trains`];
      const answer = await stage.post([
        ['grant_type', 'client_credentials'],
        ['resource', one],
        ['resource', two],
      ]);
      expect(answer.status).toBe(400);
      expect(answer.body.access_token).toBeUndefined();
    });
  });

  describe('§2.2 Access Token Request', () => {
    it('a token for one resource is no token for another', async () => {
      const { body } = await get(`${stage.url}/a2a/skyways/trains`);
      const response = await fetch(`${stage.url}/a2a/skyways/flights/jsonrpc`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${body.access_token}`,
          'content-type': 'application/json',
          'a2a-version': '1.0',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } }),
      });
      expect(response.status).toBe(401);
    });

    it('client credentials are for the broker’s own API', async () => {
      expect((await stage.clientCredentials({ resource: stage.url })).status).toBe(200);
      expect(refused(await stage.clientCredentials({ resource: flightsUrl }))).toBe('400 invalid_target');
    });
  });
});
