import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { openLine, type RpcAnswer, say } from '../support/a2a.ts';
import { answer, scriptedAgent, type ScriptedAgent, task } from '../support/agent.ts';
import { operatorToken } from '../support/broker-process.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { call, cardFor, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { clientAssertion, newParty, type Party } from '../support/party.ts';
import { newReplicas, type Replicas } from '../support/replicas.ts';

/** What is published: docs/guides/replicas.md. */
const boundMs = 5000;
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

describe.skipIf(dynamoDbEndpoint === undefined)('two replicas on one table', () => {
  let replicas: Replicas;
  let agent: ScriptedAgent;
  /** One market, as each replica shows it. */
  let onA: Market;
  let onB: Market;

  beforeAll(async () => {
    [replicas, agent] = await Promise.all([newReplicas(), scriptedAgent()]);
    // Together, as a deployment starts them: of both that make the first keys, one wins.
    const [a, b] = await Promise.all([replicas.start(), replicas.start()]);
    onA = await openMarket(replicas.operatorAt(a), agent.url);
    onB = onA.through(b.url);
  }, 90_000);
  afterAll(async () => {
    await replicas.dispose();
    await agent.close();
  });

  const newTenant = (through = onA) => through.addTenant(`tenant-${randomUUID().slice(0, 8)}`);
  const hello = async (market: Market, tenant: MarketTenant, token: string) =>
    (await openLine(market, tenant, token)).call('SendMessage', say('hi'));

  it('answer for one another: registration, exchange, call and task', async () => {
    const [acme, globex] = [await newTenant(onA), await newTenant(onB)];
    const id = `task-${randomUUID()}`;
    agent.on((received) =>
      answer(received, received.rpc.method === 'GetTask' ? task(id) : { task: task(id) }),
    );
    const made = await hello(onA, acme, await onB.callToken(acme));
    expect(made.body.result).toMatchObject({ task: { id } });
    const own = await openLine(onB, acme, await onA.callToken(acme));
    expect((await own.call('GetTask', { id })).body.result).toMatchObject({ id });
    for (const market of [onA, onB]) {
      const stranger = await openLine(market, globex);
      expect((await stranger.call('GetTask', { id })).reason).toBe('TASK_NOT_FOUND');
    }
    const usage = await call<{ items: unknown[] }>(onB, 'GET', `/v1/tenants/${acme.id}/usage?groupBy=meter`);
    expect(usage.items).toContainEqual(expect.objectContaining({ meter: 'calls', quantity: '2' }));
  }, 60_000);

  it('share the keys of tokens and cards, and take one another’s management tokens', async () => {
    const of = (market: Market, path: string) => fetch(`${market.url}${path}`).then((got) => got.json());
    expect(await of(onB, '/.well-known/jwks.json')).toEqual(await of(onA, '/.well-known/jwks.json'));
    const token = await onA.providerToken();
    const mine = await call<{ items: unknown[] }>({ url: onB.url, token }, 'GET', `/v1/usage?groupBy=meter`);
    expect(mine.items).toBeDefined();
  });

  it('continue one another’s pages', async () => {
    const ids = [(await newTenant(onA)).id, (await newTenant(onB)).id];
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page === 0 || cursor !== undefined; page++) {
      const query = `limit=1${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const market = page % 2 === 0 ? onA : onB;
      const answered = await call<{ items: { id: string }[]; nextCursor?: string }>(
        market,
        'GET',
        `/v1/tenants?${query}`,
      );
      seen.push(...answered.items.map(({ id }) => id));
      cursor = answered.nextCursor;
    }
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('know one another’s idempotency keys', async () => {
    const key = randomUUID();
    const create = (market: Market, id: string) =>
      fetch(`${market.url}/v1/tenants`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${operatorToken}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({ id, name: id, tier: 'standard' }),
      });
    const id = `twice-${key.slice(0, 8)}`;
    const first = await create(onA, id);
    const again = await create(onB, id);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.text()).toBe(await first.text());
    expect((await create(onB, `${id}-other`)).status).toBe(422);
  });

  it('take an assertion once, however many are asked at the same moment', async () => {
    const acme = await newTenant();
    for (let round = 0; round < 10; round++) {
      const body = await exchangeForm(acme);
      const answers = await Promise.all(
        [onA, onB, onA, onB].map(({ url }) => fetch(`${url}/oauth/token`, { method: 'POST', body })),
      );
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401]);
      await Promise.all(answers.map((each) => each.text()));
    }
  }, 60_000);

  async function exchangeForm(tenant: MarketTenant): Promise<URLSearchParams> {
    return new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(tenant.client, tenant.clientId, onA.issuer),
      grant_type: exchangeGrant,
      subject_token: await tenant.idToken(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience: onA.agent,
    });
  }

  describe('within 5 s, B refuses what A was told to end:', () => {
    /** Asks B again and again; fails when it has not changed its mind in time. */
    async function inForce(ask: () => Promise<RpcAnswer | Response>, expected: string) {
      const since = Date.now();
      let got: string;
      do {
        const answered = await ask();
        got =
          answered instanceof Response
            ? `${answered.status} ${((await answered.json()) as { error?: string }).error}`
            : `${answered.status} ${answered.reason}`;
      } while (got !== expected && Date.now() - since < boundMs);
      expect(got).toBe(expected);
    }

    /** B has just read everything that the call rests on. */
    async function warmLine(tenant: MarketTenant, token: string, market = onB) {
      agent.on((received) =>
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }),
      );
      const line = await openLine(market, tenant, token);
      const ask = () => line.call('SendMessage', say('hi'));
      for (let times = 0; times < 2; times++) expect((await ask()).body.result).toBeDefined();
      return ask;
    }

    it('a tenant that is suspended', async () => {
      const acme = await newTenant();
      const ask = await warmLine(acme, await onA.callToken(acme));
      await call(onA, 'POST', `/v1/tenants/${acme.id}/suspend`, { reason: 'test' });
      await inForce(ask, '403 TENANT_CONTEXT_INVALID');
      expect(await (await onB.exchange(acme)).json()).toMatchObject({ error: 'invalid_request' });
      // What is mended counts at once: a no is never answered from memory.
      await call(onA, 'POST', `/v1/tenants/${acme.id}/reinstate`, { reason: 'test' });
      expect((await ask()).body.result).toBeDefined();
    }, 60_000);

    it('a client that is disabled', async () => {
      const acme = await newTenant();
      const ask = await warmLine(acme, await onB.callToken(acme));
      await call(onA, 'PATCH', `/v1/clients/${acme.clientId}`, { status: 'disabled' });
      await inForce(ask, '403 TENANT_CONTEXT_INVALID');
      await inForce(() => onB.exchange(acme), '401 invalid_client');
      await call(onA, 'PATCH', `/v1/clients/${acme.clientId}`, { status: 'active' });
      expect((await onB.exchange(acme)).status).toBe(200);
    }, 60_000);

    it('an agreement that is revoked', async () => {
      const acme = await newTenant();
      const { market, token, agreement } = await nextHop(acme);
      const ask = await warmLine(acme, token, market);
      await call(onA, 'POST', `/v1/agreements/${agreement}/revoke`, { reason: 'test' });
      await inForce(ask, '403 AGREEMENT_REVOKED');
      expect((await ask()).reason).toBe('AGREEMENT_REVOKED');
    }, 60_000);

    it('one delegation, one user, one management token', async () => {
      const [acme, globex] = [await newTenant(), await newTenant()];
      const token = await onA.callToken(acme);
      const calls = [await warmLine(acme, token), await warmLine(globex, await onA.callToken(globex))];
      const management = await onA.providerToken();
      const readUsage = () =>
        fetch(`${onB.url}/v1/usage?groupBy=meter`, { headers: { authorization: `Bearer ${management}` } });
      expect((await readUsage()).status).toBe(200);

      const delegation = sha256(String(decodeJwt(token).jti));
      await call(onA, 'POST', `/v1/delegations/${delegation}/revoke`, { reason: 'test' });
      const user = { issuer: globex.issuer, subject: 'user-1', reason: 'test' };
      await call(onA, 'POST', `/v1/tenants/${globex.id}/users/block`, user);
      const revoked = await fetch(`${onA.url}/oauth/revoke`, {
        method: 'POST',
        body: new URLSearchParams({
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await clientAssertion(onA.providerClient, onA.providerClientId, onA.issuer),
          token: management,
        }),
      });
      expect(revoked.status).toBe(200);
      await Promise.all([
        ...calls.map((ask) => inForce(ask, '403 TENANT_CONTEXT_INVALID')),
        inForce(readUsage, '401 undefined'),
        inForce(() => onB.exchange(globex), '400 invalid_request'),
      ]);
    }, 60_000);

    it('a signing key that is compromised; the next one is taken by then', async () => {
      const acme = await newTenant();
      const keyIds = async ({ url }: Market) =>
        (
          (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
        ).keys.map(({ kid }) => kid);
      const before = await keyIds(onB);
      await call(onA, 'POST', '/v1/keys/rotate', { reason: 'test' });
      await expect.poll(() => keyIds(onB), { timeout: boundMs }).toEqual(await keyIds(onA));
      expect((await keyIds(onB)).length).toBe(before.length + 2);

      const ask = await warmLine(acme, await onA.callToken(acme));
      await call(onA, 'POST', '/v1/keys/rotate', { reason: 'test', compromised: true });
      await inForce(ask, '401 UNAUTHENTICATED');
      expect((await hello(onB, acme, await onA.callToken(acme))).body.result).toBeDefined();
      expect((await hello(onA, acme, await onB.callToken(acme))).body.result).toBeDefined();
    }, 60_000);
  });

  /** A tenant's token that Skyways' agent has passed on to another company's agent. */
  async function nextHop(tenant: MarketTenant) {
    const provider = `stays-${randomUUID().slice(0, 8)}`;
    const market = { ...onB, agent: `${provider}/rooms` };
    await call(onA, 'POST', '/v1/providers', { id: provider, name: provider });
    await call(onA, 'POST', `/v1/providers/${provider}/agents`, {
      id: 'rooms',
      card: cardFor(`${agent.url}/${provider}`),
    });
    await call(onA, 'POST', `/v1/agents/${market.agent}/publish`, { reason: 'test' });
    await call(onA, 'POST', `/v1/tenants/${tenant.id}/subscriptions`, { agent: market.agent });
    const { id } = await call<{ id: string }>(onA, 'POST', '/v1/agreements', {
      from: `provider:${onA.provider}`,
      to: `provider:${provider}`,
    });
    const program: Party = await newParty();
    await call(onA, 'POST', '/v1/clients', {
      id: `${provider}-caller`,
      name: 'Flights',
      owner: `provider:${onA.provider}`,
      agent: onA.agent,
      jwks: program.jwks,
      grantTypes: [exchangeGrant],
    });
    const response = await fetch(`${onB.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await clientAssertion(program, `${provider}-caller`, onA.issuer),
        grant_type: exchangeGrant,
        subject_token: await onA.callToken(tenant),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: market.agent,
      }),
    });
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (token === undefined) throw new Error(`no token for ${market.agent}: ${response.status}`);
    return { market, token, agreement: id };
  }
});
