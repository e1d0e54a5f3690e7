import { constants, createPrivateKey, type JsonWebKey, sign } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { call } from '../support/market.ts';
import { clientAssertion, newParty, type Party } from '../support/party.ts';
import { forge, type Json } from './forge.ts';
import { type Genuine, type Insider, insidersForgeries, strangersForgeries } from './forgeries.ts';
import { addProgram, openStage, type Program, type Stage } from './stage.ts';
import { assertionType, exchange, refusal, managementToken, postForm } from './token-endpoint.ts';

let stage: Stage;
let manager: Program;
const forgeries = strangersForgeries(await newParty());
/** A header of 64 KB never gets past the HTTP parser: see proxies-and-headers. */
const inHeader = forgeries.filter(([name]) => name !== '64 KB');

beforeAll(async () => {
  stage = await openStage();
  manager = await addProgram(stage, { id: 'manager', owner: 'provider:skyways', scopes: ['registry:read'] });
});
afterAll(() => stage.close());

/** `reason` may be one of several. */
function refusedBecause(error: string, reason: string): RegExp {
  return new RegExp(`^${error} (?:${reason})$`);
}

function publicJwk({ jwks }: Party): Json {
  return (jwks.keys[0] ?? {}) as Json;
}

describe('a subject token', () => {
  async function genuine(): Promise<Insider> {
    const { acme } = stage;
    return {
      token: await acme.idToken(),
      publicJwk: publicJwk(acme.idp),
      party: acme.idp,
    };
  }

  it.each(forgeries)('with %s', async (_, make, reason) => {
    const token = make(await genuine());
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token: token }))).toMatch(
      refusedBecause('400 invalid_request', reason),
    );
  });

  it.each(insidersForgeries)('of the right issuer, with %s', async (_, make, reason) => {
    const token = make(await genuine());
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token: token }))).toMatch(
      refusedBecause('400 invalid_request', reason),
    );
  });
});

describe('a client assertion', () => {
  let stage: Stage;
  // Of many strangers in one minute the log has a count: each of these shall have an entry that says why.
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.close());

  async function genuine(): Promise<Insider> {
    const { client, clientId } = stage.acme;
    return {
      token: await clientAssertion(client, clientId, stage.url),
      publicJwk: publicJwk(client),
      party: client,
    };
  }

  it.each(forgeries)('with %s', async (_, make, reason) => {
    const token = make(await genuine());
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion: token }))).toMatch(
      refusedBecause('401 invalid_client', reason),
    );
  });

  it.each(insidersForgeries)('of the right client, with %s', async (_, make, reason) => {
    const token = make(await genuine());
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion: token }))).toMatch(
      refusedBecause('401 invalid_client', reason),
    );
  });
});

describe('a client assertion with an RSA key', () => {
  it('is taken with PS256 and not with RS256, which is for issuers that are trusted with it', async () => {
    const { privateKey, publicKey } = await generateKeyPair('PS256', { extractable: true });
    const { alg: _, ...jwk } = await exportJWK(publicKey);
    await call(stage, 'POST', '/v1/clients', {
      id: 'rsa-app',
      name: 'RSA',
      owner: 'tenant:acme',
      jwks: { keys: [jwk] },
      grantTypes: ['client_credentials'],
      scopes: ['audit:read'],
    });
    const key = createPrivateKey({ key: (await exportJWK(privateKey)) as JsonWebKey, format: 'jwk' });
    const assertion = (alg: string, options: object) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: 'rsa-app', sub: 'rsa-app', aud: stage.url, jti: alg, iat: now, exp: now + 60 };
      const signer = (input: string) =>
        sign('sha256', Buffer.from(input), { key, ...options }).toString('base64url');
      return forge({ alg }, claims, signer);
    };
    const ask = (client_assertion: string) =>
      postForm(stage.url, {
        grant_type: 'client_credentials',
        client_assertion_type: assertionType,
        client_assertion,
      });
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    expect((await ask(assertion('PS256', pss))).status).toBe(200);
    expect(await refusal(stage, () => ask(assertion('RS256', {})))).toBe(
      '401 invalid_client token_algorithm_refused',
    );
  });
});

describe('a broker token', () => {
  async function genuineOf(token: string): Promise<Genuine> {
    const jwks = (await (await fetch(`${stage.url}/.well-known/jwks.json`)).json()) as { keys: Json[] };
    return { token, publicJwk: jwks.keys[0] ?? {} };
  }

  it.each(inHeader)('at the gateway, with %s', async (_, make) => {
    const token = make(await genuineOf(await stage.market.callToken(stage.acme)));
    const calls = stage.agent.calls.length;
    stage.store.written();
    const line = await openLine(stage.market, stage.acme, token);
    const got = await line.call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([401, 'UNAUTHENTICATED']);
    expect(got.headers.get('www-authenticate')).toContain('resource_metadata=');
    expect(stage.agent.calls.length).toBe(calls);
    expect(stage.store.written()).toEqual(new Set());
  });

  it.each(inHeader)('at the management API, with %s', async (_, make) => {
    const token = make(await genuineOf(await managementToken(stage, manager)));
    const response = await fetch(`${stage.url}/v1/providers/skyways`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([response.status, await response.json()]).toMatchObject([401, { code: 'unauthorized' }]);
  });

  it.each(forgeries)('to be continued, with %s', async (_, make, reason) => {
    const genuine = await genuineOf(await stage.market.callToken(stage.acme));
    const token = make(genuine);
    expect(
      await refusal(stage, () =>
        exchange(stage, stage.acme, {
          subject_token: token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        }),
      ),
    ).toMatch(refusedBecause('400 invalid_request', reason));
  });
});

describe('a token that is slow to read', () => {
  /** Unauthenticated callers choose these bytes: what they cost must not grow with the square of their number. */
  it('costs no more than any other of its size', async () => {
    const token = (claims: string) => `${encoded('{"alg":"ES256"}')}.${encoded(claims)}.${encoded('x')}`;
    const hostile = token(`{"${'\\"'.repeat(5900)}`);
    const harmless = token(`{"a":"${'x'.repeat(11_800)}"}`);
    const fastest = async (assertion: string) => {
      let best = Infinity;
      for (let round = 0; round < 7; round++) {
        const start = performance.now();
        await postForm(stage.url, {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        });
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    await fastest(harmless);
    expect((await fastest(hostile)) / (await fastest(harmless))).toBeLessThan(10);
  });

  function encoded(text: string): string {
    return Buffer.from(text).toString('base64url');
  }
});
