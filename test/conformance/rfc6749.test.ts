import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { clientAssertion } from '../support/party.ts';
import { failingStore } from '../trust/failing-store.ts';
import { assertionType, openStage, type Stage, type TokenResponse } from './stage.ts';

let stage: Stage;
const fault = failingStore();

beforeAll(async () => {
  stage = await openStage({ store: fault.wrap(openMemoryStore({ clock: systemClock })) });
});
afterAll(() => stage.close());

/** The parameters of a complete request, to send some of them twice or empty. */
async function complete(): Promise<[string, string][]> {
  const { providerClient, providerClientId } = stage.market;
  return [
    ['grant_type', 'client_credentials'],
    ['client_assertion_type', assertionType],
    ['client_assertion', await clientAssertion(providerClient, providerClientId, stage.url)],
  ];
}

describe('RFC 6749, The OAuth 2.0 Authorization Framework', () => {
  describe('§3.2 Token Endpoint', () => {
    it.each(['GET', 'PUT', 'DELETE'])('does not answer %s with a token', async (method) => {
      const query = new URLSearchParams(await complete()).toString();
      const response = await fetch(`${stage.url}/oauth/token?${query}`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
      expect(await response.text()).not.toContain('access_token');
    });

    it('does not read parameters from the query', async () => {
      const query = new URLSearchParams(await complete()).toString();
      const response = await fetch(`${stage.url}/oauth/token?${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: '',
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: 'invalid_request' });
    });

    it('ignores parameters that it does not know', async () => {
      const answer = await stage.post([...(await complete()), ['colour', 'blue'], ['colour', 'red']]);
      expect(answer.status).toBe(200);
    });

    it.each([
      'grant_type',
      'client_id',
      'client_assertion',
      'client_assertion_type',
      'scope',
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'resource',
      'audience',
    ])('refuses a request that has %s twice, equal or not', async (name) => {
      const form = await complete();
      const value = form.find(([known]) => known === name)?.[1] ?? 'usage:read';
      const others = form.filter(([known]) => known !== name);
      for (const second of [value, `${value}x`]) {
        const answer = await stage.post([...others, [name, value], [name, second]]);
        expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
      }
    });

    it.each(['grant_type', 'client_assertion', 'scope', 'resource', 'subject_token'])(
      'does not take an empty %s for one that is not there',
      async (name) => {
        const others = (await complete()).filter(([known]) => known !== name);
        const answer = await stage.post([...others, [name, '']]);
        expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
      },
    );

    it.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x'])(
      'refuses a body of type %s',
      async (type) => {
        const answer = await stage.post(await complete(), { 'content-type': type });
        expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
      },
    );

    it('takes the content type with a charset, in any case', async () => {
      const type = 'Application/X-WWW-Form-Urlencoded; charset=UTF-8';
      expect((await stage.post(await complete(), { 'content-type': type })).status).toBe(200);
    });
  });

  describe('§3.3 Access Token Scope', () => {
    it('says which scope was granted whenever it is not what was asked for', async () => {
      const { body } = await stage.clientCredentials({ scope: 'usage:read audit:read' });
      expect(body.scope).toBe('usage:read');
    });

    it.each(['usage:read  usage:write', ' usage:read', 'usage"read'])('refuses %j', async (scope) => {
      const answer = await stage.clientCredentials({ scope });
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_scope']);
    });
  });

  describe('§4.4 Client Credentials Grant', () => {
    it('gives an authenticated client a token for itself, and no refresh token', async () => {
      const { status, body } = await stage.clientCredentials();
      expect(status).toBe(200);
      expect(Object.keys(body).toSorted()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
    });
  });

  describe('§5.1 Successful Response', () => {
    it('is JSON that no cache keeps', async () => {
      const answers = [await stage.clientCredentials(), await stage.exchange()];
      expect(answers.map(caching)).toEqual([uncached, uncached]);
    });

    it('has a type and a lifetime', async () => {
      const { body } = await stage.exchange();
      expect(body.token_type).toBe('Bearer');
      expect(body.expires_in).toBeGreaterThan(0);
      expect(Number.isInteger(body.expires_in)).toBe(true);
    });
  });

  describe('§5.2 Error Response', () => {
    const refusals: readonly [string, number, () => Promise<TokenResponse>][] = [
      ['invalid_request', 400, () => stage.post('')],
      ['invalid_client', 401, () => stage.exchange({ client_assertion: 'x' })],
      ['unauthorized_client', 400, () => stage.exchange({ grant_type: 'client_credentials' })],
      ['unsupported_grant_type', 400, () => stage.exchange({ grant_type: 'password' })],
      ['invalid_scope', 400, () => stage.exchange({ scope: 'everything' })],
      ['invalid_target', 400, () => stage.exchange({ audience: 'skyways/none' })],
    ];

    it.each(refusals)('%s is %i, as JSON that no cache keeps', async (error, status, attempt) => {
      const answer = await attempt();
      expect(answer.status).toBe(status);
      expect(answer.body.error).toBe(error);
      expect(caching(answer)).toEqual(uncached);
    });

    it.each(refusals)(
      '%s is described in the characters that a description may have',
      async (_, __, attempt) => {
        const { body } = await attempt();
        expect(Object.keys(body).toSorted()).toEqual(['error', 'error_description']);
        expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/);
      },
    );

    it.each([
      ['Basic', `Basic ${Buffer.from('skyways-usage:secret').toString('base64')}`],
      ['Bearer', 'Bearer abc'],
    ])('challenges a client that tried %s, by that scheme', async (scheme, authorization) => {
      const answer = await stage.post('grant_type=client_credentials', { authorization });
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
      expect(answer.headers.get('www-authenticate')).toMatch(new RegExp(`^${scheme} `));
    });

    it('is the form also of what is too large', async () => {
      for (const size of [65 * 1024, 200 * 1024]) {
        const answer = await stage.post(`grant_type=client_credentials&scope=${'x'.repeat(size)}`);
        expect(answer.body.error).toBe('invalid_request');
        expect(caching(answer)).toEqual(uncached);
      }
    });

    it('is the form also of a failure of ours, which may be tried again', async () => {
      fault.failOn(() => true);
      const answer = await stage.exchange().finally(() => fault.failOn(() => false));
      expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(caching(answer)).toEqual(uncached);
    });
  });
});

const uncached = { type: 'application/json', cacheControl: 'no-store', pragma: 'no-cache' };

function caching({ headers }: TokenResponse): typeof uncached {
  return {
    type: headers.get('content-type')?.split(';')[0] ?? '',
    cacheControl: headers.get('cache-control') ?? '',
    pragma: headers.get('pragma') ?? '',
  };
}
