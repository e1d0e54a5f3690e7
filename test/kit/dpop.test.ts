import { createHash } from 'node:crypto';
import { ClientFactory, JsonRpcTransportFactory } from '@a2a-js/sdk/client';
import { decodeJwt, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  brokerAuthentication,
  type BrokerClient,
  brokerFetch,
  createBrokerClient,
  createDpopKey,
  createTenantContextVerifier,
  createUsageReporter,
  type DpopKey,
  TenantContextError,
} from '../../src/kit/index.ts';
import { createProofMemory } from '../../src/kit/dpop-verifier.ts';
import { answer, openStream, scriptedAgent, type ScriptedAgent, sendEvent } from '../support/agent.ts';
import { eventsOf, say } from '../support/a2a.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { newProofKey, type ProofFacts, type ProofKey } from '../support/dpop.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';

let agent: ScriptedAgent;
/** It demands bound tokens, and nonces in their proofs. */
let broker: RunningBroker;
let market: Market;
let acme: MarketTenant;
/** Answers so far, as `METHOD path status`. */
let answers: string[] = [];

const watched: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const response = await fetch(request);
  answers.push(`${request.method} ${new URL(request.url).pathname} ${response.status}`);
  return response;
};
const clientOf = (dpop?: DpopKey): BrokerClient =>
  createBrokerClient({
    broker: broker.url,
    clientId: acme.clientId,
    privateKey: acme.client.privateKey,
    dpop,
    fetch: watched,
  });
const exchange = async (client: BrokerClient, user = 'user-1') =>
  client.exchange({
    subjectToken: await acme.idToken(user),
    subjectTokenType: 'id_token',
    agent: market.agent,
  });
const tokenPath = 'POST /oauth/token';
const callPath = 'POST /a2a/skyways/flights/jsonrpc';
const asks = () => answers.filter((line) => line.startsWith('POST'));

beforeAll(async () => {
  agent = await scriptedAgent();
  broker = await runBroker({}, { BROKER_DPOP: 'required', BROKER_DPOP_NONCES: 'required' });
  market = await openMarket(broker, agent.url);
  acme = await market.addTenant('acme');
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});

describe('a client with a DPoP key', () => {
  it('gets bound tokens, and asks twice for the first one only, to learn a nonce', async () => {
    const dpop = createDpopKey();
    const client = clientOf(dpop);
    answers = [];
    const token = await exchange(client);
    expect(asks()).toEqual([`${tokenPath} 400`, `${tokenPath} 200`]);
    expect(token.tokenType).toBe('DPoP');
    expect(decodeJwt(token.accessToken)['cnf']).toEqual({ jkt: await dpop.thumbprint() });
    answers = [];
    await exchange(client, 'user-2');
    expect(asks()).toEqual([`${tokenPath} 200`]);
  });

  it('takes its key from a JWK, of each kind that the broker takes', async () => {
    for (const algorithm of ['ES256', 'EdDSA', 'PS256']) {
      const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
      const token = await exchange(clientOf(createDpopKey({ privateKey: await exportJWK(privateKey) })));
      expect(token.tokenType).toBe('DPoP');
    }
  });

  it('says what is wrong with a key that cannot sign', async () => {
    const publicKey = (await newProofKey()).jwk;
    const proof = createDpopKey({ privateKey: publicKey }).proof({ method: 'GET', url: broker.url });
    await expect(proof).rejects.toThrow(/private key/);
  });

  it('is told so where only bound tokens are given', async () => {
    await expect(exchange(clientOf())).rejects.toMatchObject({ code: 'invalid_dpop_proof', status: 400 });
  });

  it('takes no Bearer token for a bound one', async () => {
    const lax: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const body = (await response.json()) as Record<string, unknown>;
      return Response.json(body['token_type'] === undefined ? body : { ...body, token_type: 'Bearer' }, {
        status: response.status,
        headers: response.headers,
      });
    };
    const options = { broker: broker.url, clientId: acme.clientId, privateKey: acme.client.privateKey };
    const client = createBrokerClient({ ...options, dpop: createDpopKey(), fetch: lax });
    await expect(exchange(client)).rejects.toMatchObject({ code: 'answer_invalid' });
  });

  it('keeps nonces of different servers apart', async () => {
    const dpop = createDpopKey();
    const nonceFor = async (url: string) => decodeJwt(await dpop.proof({ method: 'GET', url }))['nonce'];
    expect(dpop.learn('https://one.example/a', 'n-1')).toBe(true);
    expect(dpop.learn('https://one.example/b', 'n-1')).toBe(false);
    expect(dpop.learn('https://two.example/a', 'n-2')).toBe(true);
    expect(dpop.learn('https://two.example/a', null)).toBe(false);
    expect(dpop.learn('https://two.example/a', 'x'.repeat(300))).toBe(false);
    expect(await nonceFor('https://one.example/c')).toBe('n-1');
    expect(await nonceFor('https://two.example/c')).toBe('n-2');
    expect(await nonceFor('https://three.example/c')).toBeUndefined();
  });

  it('puts neither its private half nor a query into a proof', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    const proof = await createDpopKey({ privateKey: jwk }).proof({
      method: 'GET',
      url: `${broker.url}/a?b=c#d`,
    });
    expect(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString()).not.toContain(jwk.d);
    expect(decodeJwt(proof)['htu']).toBe(`${broker.url}/a`);
  });
});

describe('brokerFetch', () => {
  const options = async (client = clientOf(createDpopKey())) => {
    const idToken = await acme.idToken();
    return {
      client,
      agent: market.agent,
      subjectToken: () => idToken,
      subjectTokenType: 'id_token',
      fetch: watched,
    } as const;
  };
  const rpc = (method: string) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: say('hi') }),
  });

  it('is what the official SDK calls the agent with', async () => {
    agent.on((received) =>
      answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [{ text: 'hello' }] } }),
    );
    const fetchImpl = brokerFetch(await options());
    const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory({ fetchImpl })] });
    const card = `${broker.url}/a2a/${market.agent}/.well-known/agent-card.json`;
    const client = await factory.createFromUrl(card, '');
    const message = { messageId: 'm', role: 1, parts: [], contextId: '', taskId: '' };
    const said = await client.sendMessage({ message } as unknown as Parameters<typeof client.sendMessage>[0]);
    expect(said).toMatchObject({ messageId: 'a' });
    expect(agent.calls.at(-1)?.headers.authorization).toMatch(/^Bearer /);
  });

  it('proves each request anew, streams too, and asks for a nonce once', async () => {
    const send = brokerFetch(await options());
    const url = `${broker.url}/a2a/${market.agent}/jsonrpc`;
    answers = [];
    agent.on((received) => answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }));
    for (let time = 0; time < 3; time++) expect((await send(url, rpc('SendMessage'))).status).toBe(200);
    // The token endpoint and the gateway are one server, and its nonces are good at both.
    expect(asks()).toEqual([
      `${tokenPath} 400`,
      `${tokenPath} 200`,
      ...Array<string>(3).fill(`${callPath} 200`),
    ]);
    agent.on((received) => {
      openStream(received);
      sendEvent(received, { message: { messageId: 'b', role: 'ROLE_AGENT', parts: [] } });
      received.response.end();
    });
    const stream = await send(url, rpc('SendStreamingMessage'));
    expect(stream.headers.get('dpop-nonce')).toMatch(/^[\w-]{20,}$/);
    let events = 0;
    for await (const _ of eventsOf(stream)) events++;
    expect(events).toBe(1);
  });

  it('gets a nonce from a refusal, and a fresh token when the one it has is refused', async () => {
    const client = clientOf(createDpopKey());
    const send = brokerFetch(await options(client));
    const url = `${broker.url}/a2a/${market.agent}/jsonrpc`;
    agent.on((received) => answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }));
    await send(url, rpc('SendMessage'));
    client.dpop?.learn(url, 'stale');
    answers = [];
    expect((await send(url, rpc('SendMessage'))).status).toBe(200);
    expect(asks()).toEqual([`${callPath} 401`, `${callPath} 200`]);
  });

  it('sends tokens and proofs to the agent’s own address only', async () => {
    const seen: Headers[] = [];
    const spy: typeof fetch = (input, init) => {
      seen.push(new Request(input, init).headers);
      return Promise.resolve(new Response());
    };
    const send = brokerFetch({ ...(await options()), fetch: spy });
    for (const url of [
      'https://elsewhere.example/a2a/skyways/flights/jsonrpc',
      `${broker.url}/a2a/skyways/other/jsonrpc`,
      `${broker.url}/a2a/skyways/flights-too/jsonrpc`,
      `${broker.url}/a2a/skyways/flights/../other/jsonrpc`,
    ])
      await send(url);
    expect(seen.flatMap((headers) => [headers.get('authorization'), headers.get('dpop')])).toEqual(
      Array<null>(8).fill(null),
    );
  });

  it('is the way for bound tokens: the SDK’s own handler does not see what a proof is about', async () => {
    const { fetch: _, ...rest } = await options();
    expect(() => brokerAuthentication(rest)).toThrow(/brokerFetch/);
  });
});

it('usage is reported with a bound token as well', async () => {
  await call(broker, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  const resource = agent.url;
  const direct = await clientOf(createDpopKey()).exchange({
    subjectToken: await acme.idToken(),
    subjectTokenType: 'id_token',
    resource,
  });
  const claims = decodeJwt(direct.accessToken);
  const client = createBrokerClient({
    broker: broker.url,
    clientId: market.providerClientId,
    privateKey: market.providerClient.privateKey,
    dpop: createDpopKey(),
  });
  const reporter = createUsageReporter({ client, provider: market.provider, batchMs: 1 });
  const outcome = await reporter.report({
    context: {
      tenant: 'acme',
      txn: String(claims['txn']),
      delegationId: createHash('sha256').update(String(claims.jti)).digest('base64url'),
    } as Parameters<typeof reporter.report>[0]['context'],
    agent: market.agent,
    quantities: { searches: 1 },
  });
  await reporter.close();
  expect(outcome.status).toBe('accepted');
});

describe('a provider that is called past the gateway', () => {
  let holder: ProofKey;
  let key: DpopKey;
  let token: string;
  const verifier = () => createTenantContextVerifier({ broker: broker.url, audience: agent.url });
  const present = async (change: Partial<ProofFacts> = {}, by = holder, method = 'POST') => {
    const dpop = await by.proof({ url: agent.url, accessToken: token, ...change });
    return { method, dpop };
  };
  const refusal = async (attempt: Promise<unknown>): Promise<TenantContextError> =>
    attempt.then(
      () => expect.fail('this should have been refused'),
      (error: unknown) => {
        expect(error).toBeInstanceOf(TenantContextError);
        return error as TenantContextError;
      },
    );

  beforeAll(async () => {
    holder = await newProofKey();
    key = createDpopKey({ privateKey: holder.privateJwk });
    const request = { subjectToken: await acme.idToken(), subjectTokenType: 'id_token' } as const;
    token = (await clientOf(key).exchange({ ...request, resource: agent.url })).accessToken;
  });

  it('gets the tenant context, and whose key it was', async () => {
    const request = {
      method: 'POST',
      dpop: await key.proof({ method: 'POST', url: agent.url, accessToken: token }),
    };
    const context = await verifier().verify(`DPoP ${token}`, request);
    expect(context).toMatchObject({ tenant: 'acme', keyThumbprint: holder.jkt });
  });

  it.each([
    ['without a proof', () => Promise.resolve({ method: 'POST', dpop: undefined }), 'dpop_proof_missing'],
    [
      'with two proofs',
      async () => ({ method: 'POST', dpop: `${(await present()).dpop}, x` }),
      'dpop_proof_malformed',
    ],
    ['with what is no proof', () => Promise.resolve({ method: 'POST', dpop: token }), 'dpop_proof_malformed'],
    ['with an endless proof', () => present({ claims: { x: 'x'.repeat(9000) } }), 'dpop_proof_malformed'],
    ['with another typ', () => present({ header: { typ: 'at+jwt' } }), 'dpop_proof_malformed'],
    ['with a private key', () => present({ header: { jwk: holder.privateJwk } }), 'dpop_proof_malformed'],
    [
      'with a certificate',
      () => present({ header: { jwk: { ...holder.jwk, x5c: ['x'] } } }),
      'dpop_proof_malformed',
    ],
    ['with no id', () => present({ claims: { jti: undefined } }), 'dpop_proof_malformed'],
    ['with another’s key', async () => present({}, await newProofKey()), 'dpop_key_wrong'],
    [
      'with another’s signature',
      async () => present({ header: { jwk: holder.jwk } }, await newProofKey()),
      'dpop_proof_malformed',
    ],
    [
      'for the gateway',
      () => present({ url: `${broker.url}/a2a/skyways/flights/jsonrpc` }),
      'dpop_request_wrong',
    ],
    ['for another method', () => present({ method: 'GET' }), 'dpop_request_wrong'],
    ['for another token', () => present({ accessToken: 'x' }), 'dpop_token_wrong'],
    ['for no token', () => present({ accessToken: undefined }), 'dpop_token_wrong'],
    ['of yesterday', () => present({ now: Date.now() - 86_400_000 }), 'dpop_time_wrong'],
    ['of tomorrow', () => present({ now: Date.now() + 86_400_000 }), 'dpop_time_wrong'],
  ])('refuses a bound token %s', async (_, make, code) => {
    const error = await refusal(verifier().verify(`DPoP ${token}`, await make()));
    expect([error.code, error.status]).toEqual([code, 401]);
    expect(error.wwwAuthenticate).toBe(
      `DPoP error="invalid_dpop_proof", error_description="${code}", algs="ES256 EdDSA PS256"`,
    );
  });

  it('refuses a bound token as Bearer, with or without a proof, and says what would do', async () => {
    for (const request of [undefined, await present()]) {
      const error = await refusal(verifier().verify(`Bearer ${token}`, request));
      expect(error.code).toBe('token_is_bound');
      expect(error.wwwAuthenticate).toMatch(/^Bearer error="invalid_token".*, DPoP algs=/);
    }
    expect((await refusal(verifier().verify(`DPoP ${token}`))).code).toBe('dpop_proof_missing');
  });

  it('refuses the token of the gateway, which is not bound, under the other scheme', async () => {
    agent.on((received) => answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }));
    const idToken = await acme.idToken();
    const send = brokerFetch({
      client: clientOf(createDpopKey()),
      agent: market.agent,
      subjectToken: () => idToken,
      subjectTokenType: 'id_token',
    });
    await send(`${broker.url}/a2a/${market.agent}/jsonrpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') }),
    });
    const authorization = agent.calls.at(-1)?.headers.authorization ?? '';
    expect(await verifier().verify(authorization)).toMatchObject({ tenant: 'acme' });
    const other = authorization.replace('Bearer', 'DPoP');
    expect((await refusal(verifier().verify(other, await present()))).code).toBe('token_not_bound');
  });

  it('takes a proof once, in one process and, with a shared guard, in several', async () => {
    const proof = await present();
    const one = verifier();
    await one.verify(`DPoP ${token}`, proof);
    expect((await refusal(one.verify(`DPoP ${token}`, proof))).code).toBe('dpop_proof_replayed');
    const useProof = createProofMemory(Date.now);
    const [first, second] = [0, 1].map(() =>
      createTenantContextVerifier({ broker: broker.url, audience: agent.url, dpop: { useProof } }),
    );
    const shared = await present();
    await first?.verify(`DPoP ${token}`, shared);
    expect((await refusal(second?.verify(`DPoP ${token}`, shared) ?? Promise.resolve())).code).toBe(
      'dpop_proof_replayed',
    );
  });

  it('knows its own address better than the request does', async () => {
    const url = 'https://agents.skyways.example/a2a';
    const behindProxy = createTenantContextVerifier({
      broker: broker.url,
      audience: agent.url,
      dpop: { url },
    });
    expect(await behindProxy.verify(`DPoP ${token}`, await present({ url: `${url}?x=y` }))).toMatchObject({
      tenant: 'acme',
    });
    expect((await refusal(behindProxy.verify(`DPoP ${token}`, await present()))).code).toBe(
      'dpop_request_wrong',
    );
  });

  it('remembers proofs for as long as they could count, and never without bound', () => {
    let now = 1000;
    const use = createProofMemory(() => now * 1000, 2);
    expect([use('a', 1010), use('a', 1010), use('b', 1020), use('c', 1030)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    now = 1011;
    expect([use('c', 1030), use('b', 1020), use('a', 1030)]).toEqual([true, false, false]);
  });
});
