import { createHash, randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say } from '../support/a2a.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { newProofKey, type ProofFacts, type ProofKey } from '../support/dpop.ts';
import { call } from '../support/market.ts';
import { rawHttp, statusesOf } from './raw-http.ts';
import {
  addCompany,
  addMarketAgentProgram,
  addProgram,
  agree,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import { auditOf } from './audit.ts';
import { ask, claimsOf, exchange, passOn, refusal, tokenOf, tokenType } from './token-endpoint.ts';

const masterKey = { BROKER_MASTER_KEY: randomBytes(32).toString('base64') };
let stage: Stage;
/** The same broker, as another of its processes. */
let replica: RunningBroker;
let flights: Program;
let trains: Program;
let reporter: Program;
/** The holder's, and a thief's. */
let key: ProofKey;
let thief: ProofKey;

beforeAll(async () => {
  stage = await openStage({}, masterKey);
  replica = await runBroker({ store: stage.store }, { ...masterKey, BROKER_URL: stage.url });
  flights = await addMarketAgentProgram(stage);
  await addCompany(stage, 'lodging/hotels', [stage.acme]);
  reporter = await addProgram(stage, {
    id: 'reporter',
    owner: 'provider:skyways',
    scopes: ['usage:read'],
  });
  trains = await addProgram(stage, { id: 'skyways-other', owner: 'provider:skyways' });
  await agree(stage, 'skyways', 'lodging');
  [key, thief] = await Promise.all([newProofKey(), newProofKey()]);
});
afterAll(async () => {
  await replica.broker.close();
  await stage.close();
});

type Change = Partial<ProofFacts>;
const endpoint = () => `${stage.url}/oauth/token`;
const path = '/a2a/skyways/flights/jsonrpc';
const proofFor = async (change: Change = {}, by = key) => ({
  DPoP: await by.proof({ url: endpoint(), ...change }),
});
const get = async (change: Change = {}, by = key) =>
  exchange(stage, stage.acme, {}, await proofFor(change, by));
const boundToken = async (form = {}) => tokenOf(await exchange(stage, stage.acme, form, await proofFor()));

function callAgent(headers: Record<string, string>, at = stage.url, agentPath = path): Promise<Response> {
  return fetch(at + agentPath, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') }),
  });
}
const presented = async (token: string, change: Change = {}, by = key) => ({
  authorization: `DPoP ${token}`,
  DPoP: await by.proof({ url: stage.url + path, accessToken: token, ...change }),
});
/** `401 invalid_dpop_proof`, or the status of what was served. */
async function outcome(response: Response): Promise<string> {
  await response.arrayBuffer();
  const error = /error="(\w+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
  return error === undefined ? String(response.status) : `${response.status} ${error}`;
}

describe('a proof at the token endpoint', () => {
  const wide = 'x'.repeat(9000);
  it.each([
    ['for another address', { url: 'https://elsewhere.example/oauth/token' }, 'dpop_uri_wrong'],
    ['for the path that Host would make', { url: 'http://localhost/oauth/token' }, 'dpop_uri_wrong'],
    ['for another method', { method: 'GET' }, 'dpop_method_wrong'],
    ['from far in the past', { now: 1e12 }, 'dpop_time_wrong'],
    ['from far in the future', { now: Date.now() + 1e9 }, 'dpop_time_wrong'],
    ['that has ended by its own word', { claims: { exp: 1 } }, 'dpop_time_wrong'],
    ['that begins later', { claims: { nbf: Date.now() / 1000 + 1e6 } }, 'dpop_time_wrong'],
    ['with jku', { header: { jku: 'https://elsewhere.example/jwks' } }, 'dpop_key_refused'],
    ['with x5c', { header: { x5c: ['MIIB'] } }, 'dpop_key_refused'],
    ['of more than it can need', { claims: { filler: wide } }, 'dpop_proof_malformed'],
    ['with an endless id', { claims: { jti: wide } }, 'dpop_proof_malformed'],
    ['with an endless nonce', { nonce: wide }, 'dpop_proof_malformed'],
  ] satisfies readonly [string, Change, string][])('%s is refused', async (_, change, reason) => {
    expect(await refusal(stage, () => get(change))).toBe(`400 invalid_dpop_proof ${reason}`);
  });

  it.each([
    ['backslashes', () => endpoint().replaceAll('/', '\\')],
    ['a line end', () => `${endpoint()}\n`],
    ['a tab within', () => endpoint().replace('token', 'to\tken')],
  ])('for an address that a lax parser would mend, with %s, is refused', async (_, url) => {
    expect(await refusal(stage, () => get({ url: url() }))).toBe('400 invalid_dpop_proof dpop_uri_wrong');
  });

  it('with an unknown crit is refused', async () => {
    const [, payload, signature] = (await key.proof({ url: endpoint() })).split('.');
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, crit: ['x'], x: 1 };
    const DPoP = [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.');
    expect(await refusal(stage, () => exchange(stage, stage.acme, {}, { DPoP }))).toBe(
      '400 invalid_dpop_proof dpop_key_refused',
    );
  });

  it.each([
    ['a private key', () => key.privateJwk],
    ['a certificate', () => ({ ...key.jwk, x5c: ['MIIB'] })],
    ['a certificate’s address', () => ({ ...key.jwk, x5u: 'https://elsewhere.example/cert' })],
    ['a symmetric key', () => ({ kty: 'oct', k: 'c2VjcmV0' })],
    ['a key for encryption', () => ({ ...key.jwk, use: 'enc' })],
    ['a key for another algorithm', () => ({ ...key.jwk, alg: 'PS256' })],
    ['a point that is not on the curve', () => ({ ...key.jwk, x: key.jwk.y })],
    ['another curve', async () => exportJWK((await generateKeyPair('ES384')).publicKey)],
    ['a key as text', () => JSON.stringify(key.jwk)],
    ['a list of keys', () => [key.jwk]],
    ['nothing', () => null],
  ])('with %s for its key is refused', async (_, make) => {
    const header = { jwk: await make() };
    expect(await refusal(stage, () => get({ header }))).toBe('400 invalid_dpop_proof dpop_key_refused');
  });

  it('with a weak RSA key, whose exponent makes every signature valid, is refused', async () => {
    const { n } = await exportJWK((await generateKeyPair('PS256')).publicKey);
    const header = { alg: 'PS256', typ: 'dpop+jwt', jwk: { kty: 'RSA', n, e: 'AQ' } };
    const [, payload, signature] = (await key.proof({ url: endpoint() })).split('.');
    const DPoP = [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.');
    expect(await refusal(stage, () => exchange(stage, stage.acme, {}, { DPoP }))).toBe(
      '400 invalid_dpop_proof dpop_key_refused',
    );
  });

  it('with a member twice means two things, and is refused', async () => {
    const [head = '', , signature = ''] = (await key.proof({ url: endpoint() })).split('.');
    const claims = `{"jti":"a","htm":"POST","htm":"GET","htu":"${endpoint()}","iat":1}`;
    const DPoP = [head, Buffer.from(claims).toString('base64url'), signature].join('.');
    expect(await refusal(stage, () => exchange(stage, stage.acme, {}, { DPoP }))).toBe(
      '400 invalid_dpop_proof dpop_proof_malformed',
    );
  });

  it('of which there are two, on two lines, is refused', async () => {
    const token = await boundToken();
    const [one, two] = await Promise.all([presented(token), presented(token)]);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });
    const lines = [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      `Authorization: DPoP ${token}`,
      `DPoP: ${one.DPoP}`,
      `DPoP: ${two.DPoP}`,
      'Content-Type: application/json',
      'A2A-Version: 1.0',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    expect(statusesOf(await rawHttp(stage.url, `${lines.join('\r\n')}\r\n\r\n${body}`))).toEqual([401]);
  });

  it('that was used is good at no replica, with whichever request it comes', async () => {
    const proof = await proofFor();
    const replies = await Promise.all(
      [stage, { ...stage, url: replica.url }].flatMap((at) =>
        Array.from({ length: 3 }, async () =>
          exchange(at, stage.acme, { client_assertion: await assertion() }, proof),
        ),
      ),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await refusal(stage, () => exchange(stage, stage.acme, {}, proof))).toBe(
      '400 invalid_dpop_proof dpop_proof_replayed',
    );
    // Nor with a request that was refused for something else.
    const spoiled = await proofFor();
    await refusal(stage, () => exchange(stage, stage.acme, { audience: 'nobody/none' }, spoiled));
    expect(await refusal(stage, () => exchange(stage, stage.acme, {}, spoiled))).toBe(
      '400 invalid_dpop_proof dpop_proof_replayed',
    );
  });

  it('uses up nobody else’s ids', async () => {
    const claims = { jti: 'the-same' };
    expect((await get({ claims }, thief)).status).toBe(200);
    expect((await get({ claims })).status).toBe(200);
  });
});

/** At whichever replica, it is for the broker's one issuer. */
function assertion(): Promise<string> {
  const { client, clientId } = stage.acme;
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: stage.url, jti: randomBytes(9).toString('hex') };
  return client.sign({ ...claims, iat: now, exp: now + 60 });
}

describe('a stolen bound token', () => {
  let token: string;
  beforeAll(async () => {
    token = await boundToken();
  });

  it.each([
    ['as Bearer', () => Promise.resolve({ authorization: `Bearer ${token}` }), '401 invalid_token'],
    ['without a proof', () => Promise.resolve({ authorization: `DPoP ${token}` }), '401 invalid_dpop_proof'],
    ['with a proof of the thief’s key', () => presented(token, {}, thief), '401 invalid_dpop_proof'],
    [
      'with a proof that only names the holder’s key',
      () => presented(token, { header: { jwk: key.jwk } }, thief),
      '401 invalid_dpop_proof',
    ],
    [
      'with the holder’s proof for another token',
      async () => ({ ...(await presented(await boundToken())), authorization: `DPoP ${token}` }),
      '401 invalid_dpop_proof',
    ],
    [
      'with the holder’s proof for the token endpoint',
      () => presented(token, { url: endpoint() }),
      '401 invalid_dpop_proof',
    ],
    [
      'with the holder’s proof for another agent',
      () => presented(token, { url: `${stage.url}/a2a/lodging/hotels/jsonrpc` }),
      '401 invalid_dpop_proof',
    ],
    [
      'with the holder’s proof for the address behind the gateway',
      () => presented(token, { url: stage.agent.url }),
      '401 invalid_dpop_proof',
    ],
    ['with the holder’s proof for GET', () => presented(token, { method: 'GET' }), '401 invalid_dpop_proof'],
    [
      'with the holder’s proof of yesterday',
      () => presented(token, { now: Date.now() - 86_400_000 }),
      '401 invalid_dpop_proof',
    ],
  ])('%s opens nothing', async (_, headers, refused) => {
    const before = stage.agent.calls.length;
    expect(await outcome(await callAgent(await headers()))).toBe(refused);
    expect(stage.agent.calls.length).toBe(before);
    expect(await outcome(await callAgent(await presented(token)))).toBe('200');
  });

  it('is seen by whose it is, in their audit log, with why it was refused; a missing nonce is not', async () => {
    const apiToken = tokenOf(
      await ask(stage, reporter, { grant_type: 'client_credentials' }, undefined, await proofFor()),
    );
    const present = async (url: string, by: ProofKey, nonce?: string) => ({
      authorization: `DPoP ${apiToken}`,
      DPoP: await by.proof({ method: 'GET', url, accessToken: apiToken, nonce }),
    });
    const url = `${stage.url}/v1/usage`;
    const seenAt = async (query: string) => {
      const [entry] = await auditOf(stage, query);
      return [entry?.action, entry?.outcome, entry?.reason, entry?.client, entry?.actor];
    };
    await callAgent(await presented(token, {}, thief));
    expect(await seenAt('tenant=acme')).toEqual([
      'token.present',
      'refused',
      'dpop_key_wrong',
      'acme-app',
      undefined,
    ]);
    await fetch(url, { headers: await present(url, thief) });
    expect(await seenAt('provider=skyways')).toEqual([
      'token.present',
      'refused',
      'dpop_key_wrong',
      'reporter',
      undefined,
    ]);
    const { length } = await auditOf(stage);
    await fetch(url, { headers: await present(url, key, 'stale') });
    expect(await auditOf(stage)).toHaveLength(length);
  });

  it('with the proof of a call that was seen is good at no replica', async () => {
    const seen = await presented(token);
    const outcomes = await Promise.all(
      [stage.url, replica.url, stage.url, replica.url].map(async (at) => outcome(await callAgent(seen, at))),
    );
    expect(outcomes.toSorted()).toEqual(['200', ...Array<string>(3).fill('401 invalid_dpop_proof')]);
    expect(await outcome(await callAgent(seen, replica.url))).toBe('401 invalid_dpop_proof');
  });

  it('is told by no Host: the address is the broker’s own', async () => {
    const proof = await key.proof({ url: `http://elsewhere.example${path}`, accessToken: token });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });
    const lines = [
      `POST ${path} HTTP/1.1`,
      'Host: elsewhere.example',
      'X-Forwarded-Host: elsewhere.example',
      'Forwarded: host=elsewhere.example;proto=http',
      `Authorization: DPoP ${token}`,
      `DPoP: ${proof}`,
      'Content-Type: application/json',
      'A2A-Version: 1.0',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    expect(statusesOf(await rawHttp(stage.url, `${lines.join('\r\n')}\r\n\r\n${body}`))).toEqual([401]);
  });
});

describe('a bound token as the subject of an exchange', () => {
  const form = { audience: 'lodging/hotels' };
  /** For the agent itself, so that its program may pass it on. */
  const received = () => boundToken({ resource: stage.agent.url, audience: undefined });

  it.each([
    ['without a proof', undefined],
    ['with a proof of another key', () => proofFor({}, thief)],
  ])('is not passed on %s, not even by its own agent', async (_, proof) => {
    const token = await received();
    const attempt = async () => passOn(stage, flights, token, form, await proof?.());
    expect(await refusal(stage, attempt)).toBe('400 invalid_request token_is_bound');
  });

  it('is passed on with its key, and what comes of it is bound to that key', async () => {
    const answer = await passOn(stage, flights, await received(), form, await proofFor());
    expect(claimsOf(tokenOf(answer))['cnf']).toEqual({ jkt: key.jkt });
  });

  it('is of no use to another program, with or without a key', async () => {
    const token = await received();
    for (const proof of [undefined, await proofFor({}, thief), await proofFor()])
      expect(await refusal(stage, () => passOn(stage, trains, token, form, proof))).toBe(
        '400 invalid_request token_audience_wrong',
      );
  });

  /** What the tenant's own identity provider has bound to a key of its user's program. */
  const idToken = (cnf: unknown) => {
    const now = Math.floor(Date.now() / 1000);
    return stage.acme.idp.sign({
      iss: stage.acme.issuer,
      sub: 'user-1',
      aud: 'app',
      iat: now,
      exp: now + 300,
      cnf,
    });
  };

  it('of another issuer needs its key just as well', async () => {
    const subject_token = await idToken({ jkt: key.jkt });
    for (const proof of [{}, await proofFor({}, thief)])
      expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }, proof))).toBe(
        '400 invalid_request token_is_bound',
      );
    const answer = await exchange(stage, stage.acme, { subject_token }, await proofFor());
    expect(claimsOf(tokenOf(answer))['cnf']).toEqual({ jkt: key.jkt });
  });

  it.each([
    ['a certificate', { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' }],
    ['a key and a certificate', 'both'],
    ['a key itself', { jwk: { kty: 'EC' } }],
    ['no method at all', {}],
    ['nothing', null],
    ['text', 'jkt'],
    ['a list', [{ jkt: 'x' }]],
    ['a thumbprint that is none', { jkt: 'x' }],
    ['a thumbprint that is a number', { jkt: 1 }],
  ])('that is bound by %s is refused, never taken for unbound', async (_, cnf) => {
    const said = cnf === 'both' ? { jkt: key.jkt, 'x5t#S256': 'x' } : cnf;
    const subject_token = await idToken(said);
    const attempt = async () => exchange(stage, stage.acme, { subject_token }, await proofFor());
    expect(await refusal(stage, attempt)).toBe('400 invalid_request token_confirmation_unknown');
  });

  it('an actor token that is bound needs its key as well', async () => {
    const issuer = 'https://login.skyways.example';
    await call(stage, 'POST', '/v1/providers/skyways/issuers', { issuer, jwks: flights.client.jwks });
    const actor = await addProgram(stage, {
      id: 'skyways-actor',
      owner: 'provider:skyways',
      issuerClientIds: { [issuer]: 'svc', [stage.acme.issuer]: 'app' },
    });
    const now = Math.floor(Date.now() / 1000);
    const actor_token = await flights.client.sign({
      iss: issuer,
      sub: 'svc',
      aud: 'svc',
      iat: now,
      exp: now + 60,
      cnf: { jkt: key.jkt },
    });
    const program = { ...stage.acme, ...actor };
    const acting = { actor_token, actor_token_type: tokenType.jwt };
    for (const proof of [{}, await proofFor({}, thief)])
      expect(await refusal(stage, () => exchange(stage, program, acting, proof))).toBe(
        '400 invalid_request token_is_bound',
      );
    expect((await exchange(stage, program, acting, await proofFor())).status).toBe(200);
  });
});

describe('the agent behind the gateway', () => {
  it('gets neither the caller’s token nor its proof, and nothing that the gateway takes', async () => {
    const token = await boundToken();
    const sent = await presented(token);
    expect(await outcome(await callAgent(sent))).toBe('200');
    const headers = stage.agent.calls.at(-1)?.headers;
    expect(JSON.stringify(headers)).not.toContain(sent.DPoP);
    expect(headers).not.toHaveProperty('dpop');
    const reissued = String(headers?.authorization).replace('Bearer ', '');
    expect(reissued).not.toBe(token);
    for (const attempt of [{ authorization: `Bearer ${reissued}` }, await presented(reissued, {}, thief)])
      expect(await outcome(await callAgent(attempt))).toBe('401 invalid_token');
    // Nor is it anybody's but its own program's to pass on.
    const elsewhere = () => passOn(stage, trains, reissued, { audience: 'lodging/hotels' });
    expect(await refusal(stage, elsewhere)).toBe('400 invalid_request token_audience_wrong');
    expect((await passOn(stage, flights, reissued, { audience: 'lodging/hotels' })).status).toBe(200);
  });
});

describe('a nonce', () => {
  const nonceOf = async (at: { url: string }) =>
    (await exchange({ ...stage, url: at.url }, stage.acme, {}, await proofFor({ nonce: 'x' }))).headers.get(
      'dpop-nonce',
    ) ?? '';

  it('of one replica is known to the other', async () => {
    expect((await get({ nonce: await nonceOf(replica) })).status).toBe(200);
  });

  it('of another broker is not', async () => {
    const other = await openStage();
    const answer = await exchange(
      other,
      other.acme,
      {},
      {
        DPoP: await key.proof({ url: `${other.url}/oauth/token`, nonce: 'x' }),
      },
    );
    await other.close();
    const nonce = answer.headers.get('dpop-nonce') ?? '';
    expect(nonce).toMatch(/^[\w-]{20,}$/);
    expect(await refusal(stage, () => get({ nonce }))).toBe('400 use_dpop_nonce dpop_nonce_wrong');
  });

  it('is not made by hand', async () => {
    const bytes = Buffer.from(await nonceOf(stage), 'base64url');
    const later = Buffer.from(bytes);
    later.writeUIntBE(Math.floor(Date.now() / 1000) + 1, 0, 6);
    for (const forged of [later, bytes.subarray(0, 21), Buffer.concat([bytes, bytes]), Buffer.alloc(22)]) {
      const nonce = forged.toString('base64url');
      expect(await refusal(stage, () => get({ nonce }))).toBe('400 use_dpop_nonce dpop_nonce_wrong');
    }
  });
});

it('a client assertion is no proof, and a proof is no client assertion', async () => {
  const DPoP = await assertion();
  expect(await refusal(stage, () => exchange(stage, stage.acme, {}, { DPoP }))).toMatch(
    /^400 invalid_dpop_proof /,
  );
  const client_assertion = await key.proof({ url: endpoint() });
  expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toBe(
    '401 invalid_client token_header_refused',
  );
});

it('neither proofs nor keys are in the audit log, only whose key it was', async () => {
  const sent = await proofFor();
  await exchange(stage, stage.acme, {}, sent);
  const response = await fetch(`${stage.url}/v1/audit?limit=1`, {
    headers: { authorization: `Bearer ${stage.token}` },
  });
  const text = await response.text();
  expect(text).toContain(key.jkt);
  for (const secret of [sent.DPoP, String(key.jwk.x), createHash('sha256').update(sent.DPoP).digest('hex')])
    expect(text).not.toContain(secret);
});
