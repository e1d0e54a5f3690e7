import { createHash, randomUUID } from 'node:crypto';
import { decodeJwt, generateSecret, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { runBroker } from '../support/broker-in-process.ts';
import { testClock } from '../support/clock.ts';
import { newProofKey, type ProofFacts, type ProofKey } from '../support/dpop.ts';
import { call } from '../support/market.ts';
import type { Party } from '../support/party.ts';
import { openStage, type Stage, type TokenResponse } from './stage.ts';

let stage: Stage;
/** A broker that demands nonces; its clock moves when it is told. */
let strict: Stage;
const clock = testClock(Date.now());
let key: ProofKey;
let other: ProofKey;

beforeAll(async () => {
  stage = await openStage();
  strict = await openStage({ clock }, { BROKER_DPOP_NONCES: 'required' });
  [key, other] = await Promise.all([newProofKey(), newProofKey()]);
});
afterAll(async () => {
  await stage.close();
  await strict.close();
});

type Change = Partial<ProofFacts>;

/** For the token endpoint. */
const proof = (change: Change = {}, by = key, at = stage) =>
  by.proof({ url: `${at.url}/oauth/token`, ...change });
const ask = async (change: Change = {}, by = key) =>
  stage.clientCredentials({}, { DPoP: await proof(change, by) });
const outcome = ({ status, body }: TokenResponse) => `${status} ${body.error ?? body.token_type}`;

const agentPath = '/a2a/skyways/flights/jsonrpc';

/** A call of an agent that finds no task: it got past authentication. */
const callAgent = (at: { readonly url: string }, headers: Record<string, string>, path = agentPath) =>
  fetch(`${at.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } }),
  });
const callApi = (at: { readonly url: string }, headers: Record<string, string>) =>
  fetch(`${at.url}/v1/usage`, { headers });

interface Resource {
  token(at?: Stage): Promise<string>;
  readonly request: Pick<ProofFacts, 'method' | 'url'>;
  call(headers: Record<string, string>): Promise<Response>;
}

/** The two protected resources: an agent behind the gateway, and the management API. */
const resources: Readonly<Record<string, () => Resource>> = {
  'an agent': () => ({
    token: async () => (await stage.exchange({}, { DPoP: await proof() })).body.access_token ?? '',
    request: { method: 'POST', url: stage.url + agentPath },
    call: (headers) => callAgent(stage, headers),
  }),
  'the management API': () => ({
    token: async () => (await ask()).body.access_token ?? '',
    request: { method: 'GET', url: `${stage.url}/v1/usage` },
    call: (headers) => callApi(stage, headers),
  }),
};

function resourceAt(name: string): Resource {
  const make = resources[name];
  if (make === undefined) throw new Error(`there is no ${name}`);
  return make();
}

describe('RFC 9449, Demonstrating Proof of Possession', () => {
  describe('§4.2 DPoP Proof JWT Syntax', () => {
    it.each(['ES256', 'EdDSA', 'PS256'] as const)(
      'takes a proof that was signed with %s',
      async (algorithm) => {
        const by = await newProofKey(algorithm);
        const { status, body } = await ask({}, by);
        expect([status, decodeJwt(body.access_token ?? '')['cnf']]).toEqual([200, { jkt: by.jkt }]);
      },
    );

    it.each([
      ['jti', { jti: undefined }],
      ['a jti that is text', { jti: 1 }],
      ['a short jti', { jti: 'x'.repeat(257) }],
      ['htm', { htm: undefined }],
      ['htu', { htu: undefined }],
      ['a htu that is text', { htu: ['https://broker.example/oauth/token'] }],
      ['iat', { iat: undefined }],
      ['an iat that is a number', { iat: '1' }],
      ['a nonce that is text', { nonce: 1 }],
    ])('demands %s', async (_, claims) => {
      expect(outcome(await ask({ claims }))).toBe('400 invalid_dpop_proof');
    });
  });

  describe('§4.3 Checking DPoP Proofs', () => {
    it('(1) there is not more than one DPoP header', async () => {
      const twice = `${await proof()}, ${await proof()}`;
      expect(outcome(await stage.clientCredentials({}, { DPoP: twice }))).toBe('400 invalid_dpop_proof');
    });

    it.each(['', 'x', 'a.b.c', '{}'])('(2) its value is one well-formed JWT: %j', async (DPoP) => {
      expect(outcome(await stage.clientCredentials({}, { DPoP }))).toBe('400 invalid_dpop_proof');
    });

    it.each(['at+jwt', 'JWT', 'dpop+jws', undefined])('(4) its typ is dpop+jwt and not %s', async (typ) => {
      expect(outcome(await ask({ header: { typ } }))).toBe('400 invalid_dpop_proof');
    });

    it('(5) its algorithm is asymmetric, and not none', async () => {
      const head = { typ: 'dpop+jwt', jwk: key.jwk };
      const claims = { jti: randomUUID(), htm: 'POST', htu: `${stage.url}/oauth/token` };
      const mac = await new SignJWT(claims)
        .setIssuedAt()
        .setProtectedHeader({ alg: 'HS256', ...head })
        .sign(await generateSecret('HS256'));
      const [, payload] = mac.split('.');
      const none = `${Buffer.from(JSON.stringify({ alg: 'none', ...head })).toString('base64url')}.${payload}.`;
      for (const DPoP of [mac, none])
        expect(outcome(await stage.clientCredentials({}, { DPoP }))).toBe('400 invalid_dpop_proof');
    });

    it('(6) its signature is of the key in its header', async () => {
      expect(outcome(await ask({ header: { jwk: other.jwk } }))).toBe('400 invalid_dpop_proof');
    });

    it('(7) its key is a public one', async () => {
      expect(outcome(await ask({ header: { jwk: key.privateJwk } }))).toBe('400 invalid_dpop_proof');
      expect(outcome(await ask({ header: { jwk: undefined } }))).toBe('400 invalid_dpop_proof');
    });

    it.each(['GET', 'post', ''])('(8) its htm is the method of the request, and not %j', async (method) => {
      expect(outcome(await ask({ method }))).toBe('400 invalid_dpop_proof');
    });

    it.each([
      ['another path', () => `${stage.url}/oauth/tokens`],
      ['another port', () => 'http://127.0.0.1:1/oauth/token'],
      ['another scheme', () => `${stage.url.replace('http:', 'https:')}/oauth/token`],
      ['a path alone', () => '/oauth/token'],
      ['a trailing slash', () => `${stage.url}/oauth/token/`],
      ['credentials', () => `${stage.url.replace('://', '://user@')}/oauth/token`],
    ])('(9) its htu is the address of the request, and not one with %s', async (_, url) => {
      expect(outcome(await ask({ url: url() }))).toBe('400 invalid_dpop_proof');
    });

    it.each([
      ['a query and a fragment', '/oauth/token?a=b#c'],
      ['dot segments', '/x/../oauth/./token'],
      ['needless escapes', '/%6fauth/tok%65n'],
    ])('(9) its htu may be written with %s', async (_, path) => {
      expect(outcome(await ask({ url: stage.url + path }))).toBe('200 DPoP');
    });

    it('(9) its htu may be written with capitals in scheme and host', async () => {
      expect(outcome(await ask({ url: `${stage.url.replace('http', 'HTTP')}/oauth/token` }))).toBe(
        '200 DPoP',
      );
    });

    it.each([
      ['an hour ago', -3600],
      ['two minutes ago', -120],
      ['in two minutes', 120],
    ])('(11) it was not made %s', async (_, seconds) => {
      expect(outcome(await ask({ now: Date.now() + seconds * 1000 }))).toBe('400 invalid_dpop_proof');
    });

    it('(11) clocks may differ a little', async () => {
      for (const seconds of [-30, 20])
        expect(outcome(await ask({ now: Date.now() + seconds * 1000 }))).toBe('200 DPoP');
    });

    describe.each(Object.keys(resources))('(12) with a token, at %s', (name) => {
      it.each([
        ['without ath', async () => ({})],
        ['with the ath of another token', async () => ({ accessToken: (await ask()).body.access_token })],
        ['with the token itself as ath', async (token: string) => ({ claims: { ath: token } })],
        ['with an ath in hexadecimal', async (token: string) => ({ claims: { ath: hex(token) } })],
      ])('a proof %s is refused', async (_, change) => {
        const resource = resourceAt(name);
        const token = await resource.token();
        const DPoP = await key.proof({ ...resource.request, ...(await change(token)) });
        expect((await resource.call({ authorization: `DPoP ${token}`, DPoP })).status).toBe(401);
      });

      it('the proof is of the key to which the token is bound', async () => {
        const resource = resourceAt(name);
        const token = await resource.token();
        const DPoP = await other.proof({ ...resource.request, accessToken: token });
        const response = await resource.call({ authorization: `DPoP ${token}`, DPoP });
        expect([response.status, challengeOf(response)]).toEqual([
          401,
          expect.stringContaining('error="invalid_dpop_proof"') as string,
        ]);
      });
    });
  });

  describe('§5 DPoP Access Token Request', () => {
    it('the answer says that the token is bound, for both grants', async () => {
      const DPoP = () => proof();
      const answers = [
        await stage.exchange({}, { DPoP: await DPoP() }),
        await stage.clientCredentials({}, { DPoP: await DPoP() }),
      ];
      expect(answers.map(outcome)).toEqual(['200 DPoP', '200 DPoP']);
    });

    it('without a proof it is a Bearer token', async () => {
      expect(outcome(await stage.exchange())).toBe('200 Bearer');
    });

    it('a refusal says no more than that the proof is not valid', async () => {
      const { body } = await ask({ method: 'GET' });
      expect(body).toEqual({
        error: 'invalid_dpop_proof',
        error_description: 'The DPoP proof is not valid for this request.',
      });
    });

    it('§5.1 the metadata names the algorithms', async () => {
      const metadata = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
      expect(await metadata.json()).toMatchObject({
        dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      });
    });

    it('§5.2 a client that is registered for bound tokens gets no other', async () => {
      const change = (dpopBoundAccessTokens: boolean) =>
        call(stage.broker, 'PATCH', `/v1/clients/${stage.market.providerClientId}`, {
          dpopBoundAccessTokens,
        });
      expect(await change(true)).toMatchObject({ dpopBoundAccessTokens: true });
      const refused = await stage.clientCredentials();
      const bound = await ask();
      await change(false);
      expect([outcome(refused), outcome(bound)]).toEqual(['400 invalid_dpop_proof', '200 DPoP']);
      expect(outcome(await stage.clientCredentials())).toBe('200 Bearer');
    });
  });

  it('§6.1 the token says to which key it is bound', async () => {
    const { body } = await stage.exchange({}, { DPoP: await proof() });
    expect(decodeJwt(body.access_token ?? '')['cnf']).toEqual({ jkt: key.jkt });
    expect(decodeJwt((await stage.exchange()).body.access_token ?? '')['cnf']).toBeUndefined();
  });

  describe.each(Object.keys(resources))('§7 Protected Resource Access, at %s', (name) => {
    const open = () => resourceAt(name);

    it('§7.1 takes a bound token with a proof, in any case of the scheme', async () => {
      const resource = open();
      const token = await resource.token();
      for (const scheme of ['DPoP', 'dpop', 'DPOP']) {
        const DPoP = await key.proof({ ...resource.request, accessToken: token });
        expect((await resource.call({ authorization: `${scheme} ${token}`, DPoP })).status).toBe(200);
      }
    });

    it('§7.1 refuses a bound token without a proof', async () => {
      const resource = open();
      const response = await resource.call({ authorization: `DPoP ${await resource.token()}` });
      expect([response.status, challengeOf(response)]).toEqual([
        401,
        expect.stringMatching(/^DPoP error="invalid_dpop_proof".*algs="ES256 EdDSA PS256"/) as string,
      ]);
    });

    it('§7.1 says that it takes bound tokens, and how they are signed', async () => {
      const challenge = challengeOf(await open().call({}));
      expect(challenge).toMatch(/^Bearer\b.*, DPoP .*algs="ES256 EdDSA PS256"/);
      expect(challenge).not.toContain('error');
    });

    it('§7.1 an expired or foreign token is invalid_token', async () => {
      const resource = open();
      const DPoP = await key.proof({ ...resource.request, accessToken: 'x.y.z' });
      const response = await resource.call({ authorization: 'DPoP x.y.z', DPoP });
      expect(challengeOf(response)).toMatch(/^DPoP error="invalid_token"/);
    });

    it('§7.2 a bound token is no Bearer token, with or without a proof', async () => {
      const resource = open();
      const token = await resource.token();
      const DPoP = await key.proof({ ...resource.request, accessToken: token });
      for (const headers of [{}, { DPoP }]) {
        const response = await resource.call({ authorization: `Bearer ${token}`, ...headers });
        expect([response.status, challengeOf(response)]).toEqual([
          401,
          expect.stringMatching(/^Bearer error="invalid_token"/) as string,
        ]);
      }
    });

    it('§7.2 and a Bearer token is no bound one', async () => {
      const resource = open();
      const { body } = name === 'an agent' ? await stage.exchange() : await stage.clientCredentials();
      const DPoP = await key.proof({ ...resource.request, accessToken: body.access_token });
      const response = await resource.call({ authorization: `DPoP ${body.access_token}`, DPoP });
      expect([response.status, challengeOf(response)]).toEqual([
        401,
        expect.stringMatching(/^DPoP error="invalid_token"/) as string,
      ]);
    });

    it('§11.1 a proof is good once, also of ten at the same moment', async () => {
      const resource = open();
      const token = await resource.token();
      const DPoP = await key.proof({ ...resource.request, accessToken: token });
      const attempt = () => resource.call({ authorization: `DPoP ${token}`, DPoP });
      const together = await Promise.all(Array.from({ length: 10 }, attempt));
      expect(together.filter(({ status }) => status === 200)).toHaveLength(1);
      expect((await attempt()).status).toBe(401);
    });
  });

  it('§7 the query of a request is not part of its address', async () => {
    const token = (await stage.exchange({}, { DPoP: await proof() })).body.access_token ?? '';
    const DPoP = await key.proof({ url: stage.url + agentPath, accessToken: token });
    const response = await callAgent(stage, { authorization: `DPoP ${token}`, DPoP }, `${agentPath}?a=b`);
    expect(response.status).toBe(200);
  });

  describe('§8 Authorization Server-Provided Nonce', () => {
    const askStrictly = async (change: Change = {}) =>
      strict.clientCredentials(
        { client_assertion: await reporterAssertion() },
        { DPoP: await proof({ now: clock.now(), ...change }, key, strict) },
      );

    it('a proof without a nonce is sent back for one, which then works', async () => {
      const first = await askStrictly();
      const nonce = first.headers.get('dpop-nonce') ?? '';
      expect([outcome(first), nonce]).toEqual(['400 use_dpop_nonce', expect.stringMatching(/^[\w-]{20,}$/)]);
      expect(outcome(await askStrictly({ nonce }))).toBe('200 DPoP');
    });

    it('the client assertion is not used up by that', async () => {
      const client_assertion = await reporterAssertion();
      const send = async (nonce?: string) =>
        strict.clientCredentials(
          { client_assertion },
          { DPoP: await proof({ now: clock.now(), nonce }, key, strict) },
        );
      const first = await send();
      expect(outcome(await send(first.headers.get('dpop-nonce') ?? ''))).toBe('200 DPoP');
    });

    it('§8.2 an answer brings the nonce for the next proof', async () => {
      const nonce = (await askStrictly()).headers.get('dpop-nonce') ?? '';
      clock.advance(60_000);
      const next = (await askStrictly({ nonce })).headers.get('dpop-nonce') ?? '';
      expect(next).not.toBe(nonce);
      expect(outcome(await askStrictly({ nonce: next }))).toBe('200 DPoP');
    });

    it('an old nonce is sent back for another', async () => {
      const nonce = (await askStrictly()).headers.get('dpop-nonce') ?? '';
      clock.advance(301_000);
      const late = await askStrictly({ nonce });
      expect(outcome(late)).toBe('400 use_dpop_nonce');
      expect(outcome(await askStrictly({ nonce: late.headers.get('dpop-nonce') ?? '' }))).toBe('200 DPoP');
    });

    it('a nonce that was not asked for is not ignored', async () => {
      const answer = await ask({ nonce: 'made-up' });
      expect(outcome(answer)).toBe('400 use_dpop_nonce');
      expect(outcome(await ask({ nonce: answer.headers.get('dpop-nonce') ?? '' }))).toBe('200 DPoP');
    });
  });

  describe('§9 Resource Server-Provided Nonce', () => {
    it.each(['an agent', 'the management API'])('%s asks for a nonce, and gives one', async (name) => {
      const now = clock.now();
      const fresh = (
        await strict.clientCredentials(
          { client_assertion: await reporterAssertion() },
          { DPoP: await proof({ now }, key, strict) },
        )
      ).headers;
      const DPoP = await proof({ now, nonce: fresh.get('dpop-nonce') ?? '' }, key, strict);
      const isAgent = name === 'an agent';
      const subject = isAgent
        ? strict.exchange(
            { subject_token: await idToken(), client_assertion: await appAssertion() },
            { DPoP },
          )
        : undefined;
      const token =
        (
          await (subject ??
            strict.clientCredentials({ client_assertion: await reporterAssertion() }, { DPoP }))
        ).body.access_token ?? '';
      const at = isAgent
        ? { method: 'POST', url: strict.url + agentPath }
        : { method: 'GET', url: `${strict.url}/v1/usage` };
      const send = async (nonce?: string) => {
        const headers = {
          authorization: `DPoP ${token}`,
          DPoP: await key.proof({ ...at, accessToken: token, nonce, now }),
        };
        return isAgent ? callAgent(strict, headers) : callApi(strict, headers);
      };
      const first = await send();
      expect([first.status, challengeOf(first)]).toEqual([
        401,
        expect.stringMatching(/^DPoP error="use_dpop_nonce"/) as string,
      ]);
      const second = await send(first.headers.get('dpop-nonce') ?? '');
      expect(second.status).toBe(200);
      // For the next request, without a refusal before it.
      expect((await send(second.headers.get('dpop-nonce') ?? '')).status).toBe(200);
    });
  });

  describe('§7 where every token must be bound', () => {
    let demanding: Stage;
    beforeAll(async () => {
      demanding = await openStage({}, { BROKER_DPOP: 'required' });
    });
    afterAll(() => demanding.close());

    it('no other is given, for any grant', async () => {
      const without = [await demanding.exchange(), await demanding.clientCredentials()];
      expect(without.map(outcome)).toEqual(Array<string>(2).fill('400 invalid_dpop_proof'));
      const bound = await demanding.exchange({}, { DPoP: await proof({}, key, demanding) });
      expect(outcome(bound)).toBe('200 DPoP');
    });

    it('no other is taken, though it was made when others were', async () => {
      const shared = openMemoryStore({ clock: systemClock });
      const settings = { BROKER_MASTER_KEY: Buffer.alloc(32, 9).toString('base64') };
      const before = await openStage({ store: shared }, settings);
      const tokens = [await before.exchange(), await before.clientCredentials()];
      const [forAgent = '', forApi = ''] = tokens.map(({ body }) => `Bearer ${body.access_token}`);
      const changed = await runBroker(
        { store: shared },
        { ...settings, BROKER_URL: before.url, BROKER_DPOP: 'required' },
      );
      const answers = [
        await callAgent({ url: changed.url }, { authorization: forAgent }),
        await callApi({ url: changed.url }, { authorization: forApi }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([401, 401]);
      // The operator's own token is no access token.
      expect((await callApi({ url: changed.url }, { authorization: `Bearer ${changed.token}` })).status).toBe(
        200,
      );
      await changed.close();
      await before.broker.close();
    });

    it('the metadata of each agent says so', async () => {
      const url = `${demanding.url}/.well-known/oauth-protected-resource/a2a/skyways/flights`;
      expect(await (await fetch(url)).json()).toMatchObject({
        dpop_bound_access_tokens_required: true,
        dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      });
    });
  });

  it('§11.1 a proof is good once at the token endpoint', async () => {
    const DPoP = await proof();
    const replies = await Promise.all(Array.from({ length: 5 }, () => stage.clientCredentials({}, { DPoP })));
    expect(replies.map(outcome).toSorted()).toEqual([
      '200 DPoP',
      ...Array<string>(4).fill('400 invalid_dpop_proof'),
    ]);
    expect(outcome(await stage.clientCredentials({}, { DPoP }))).toBe('400 invalid_dpop_proof');
  });
});

function challengeOf(response: Response): string {
  return response.headers.get('www-authenticate') ?? '';
}

function hex(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function idToken(): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  const { idp, issuer } = strict.acme;
  return idp.sign({ iss: issuer, sub: 'user-1', aud: 'app', iat: now, exp: now + 300 });
}

/** At a broker whose clock is not the machine's. */
function assertionAt(party: Party, clientId: string): Promise<string> {
  const now = Math.floor(clock.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: strict.url, jti: randomUUID() };
  return party.sign({ ...claims, iat: now, exp: now + 60 });
}

function reporterAssertion(): Promise<string> {
  return assertionAt(strict.market.providerClient, strict.market.providerClientId);
}

function appAssertion(): Promise<string> {
  return assertionAt(strict.acme.client, strict.acme.clientId);
}
