import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, readAnswer, say } from '../support/a2a.ts';
import { scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { type Acknowledged, agentUnderLoad } from '../support/load.ts';
import { type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { clientAssertion } from '../support/party.ts';
import { newReplicas, type Replicas } from '../support/replicas.ts';
import { delegationOf } from '../support/usage.ts';
import { usageByApi, verifyByApi } from './verify-load.ts';

const workers = 4;
/** Enough to meet each moment of a restart, and few enough calls that each one can be looked for afterwards. */
const pauseMs = 100;

/** Nobody was there, or whoever was there said so: what a load balancer or a client tries once more, elsewhere. */
class TryAgain extends Error {}

describe.skipIf(dynamoDbEndpoint === undefined)('a rolling restart', () => {
  let replicas: Replicas;
  let agent: ScriptedAgent;
  beforeAll(async () => {
    [replicas, agent] = await Promise.all([newReplicas(), scriptedAgent()]);
  });
  afterAll(async () => {
    await replicas.dispose();
    await agent.close();
  });

  it('under load loses nothing that was acknowledged, and fails nothing that one retry does not mend', async () => {
    const running = await Promise.all([replicas.start(), replicas.start()]);
    const ports = running.map(({ url }) => Number(new URL(url).port));
    const market = await openMarket(replicas.operatorAt(running[0]), agent.url);
    const views = running.map(({ url }) => market.through(url));
    const tenants = [await market.addTenant('acme'), await market.addTenant('globex')];
    agent.on(agentUnderLoad);

    const { acknowledged, retries, calls, end } = startLoad(views, tenants);
    const enough = async () => {
      const sofar = calls();
      await expect.poll(() => calls(), { timeout: 30_000 }).toBeGreaterThan(sofar + workers);
    };
    for (const [index, port] of ports.entries()) {
      await enough();
      // Not 0: it was killed, or lost something on its way out.
      expect(await running[index]?.stop()).toBe(0);
      await enough();
      running[index] = await replicas.start(port);
    }
    await enough();
    await end();

    expect(acknowledged.surprises).toEqual([]);
    // Otherwise nobody met a replica that was away, and this has shown nothing.
    expect(retries()).toBeGreaterThan(0);
    const usage = await usageByApi(market);
    for (const { id } of tenants)
      expect(Number(usage[id]?.['tasks'])).toBeGreaterThanOrEqual(
        acknowledged.calls.filter(({ tenant }) => tenant.id === id).length,
      );
    await verifyByApi(market, acknowledged, tenants);
    for (const replica of running)
      expect(replica.output()).not.toMatch(/"level":"(?:error|fatal)"(?!.*BROKER_UNAVAILABLE)/);
  }, 240_000);
});

/** Each worker exchanges at one replica and calls at another one, in turn; what fails there it tries once at the next one. */
function startLoad(views: readonly Market[], tenants: readonly MarketTenant[]) {
  const acknowledged: Acknowledged = { tokens: [], calls: [], events: [], surprises: [], cutOff: [] };
  let retries = 0;
  const ending = new AbortController();

  async function twice<T>(turn: number, attempt: (view: Market) => Promise<T>): Promise<T> {
    try {
      return await attempt(inTurn(views, turn));
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      retries++;
      return attempt(inTurn(views, turn + 1));
    }
  }

  async function exchangeAndCall(turn: number): Promise<void> {
    const tenant = inTurn(tenants, turn >> 1);
    const token = await twice(turn, async (view) => {
      const form = await exchangeForm(view, tenant);
      const response = await sent(fetch(`${view.url}/oauth/token`, { method: 'POST', body: form }));
      const body = (await response.json()) as { access_token?: string };
      if (body.access_token === undefined)
        throw new Error(`exchange: ${response.status} ${JSON.stringify(body)}`);
      const delegation = delegationOf(body.access_token);
      acknowledged.tokens.push({ tenant, delegation, form: form.toString() });
      return body.access_token;
    });
    await twice(turn + 1, async (view) => {
      const line = await openLine(view, tenant, token);
      const got = await readAnswer(await sent(line.open('SendMessage', say('hi'))));
      const made = got.body.result?.['task'] as { id: string } | undefined;
      if (made === undefined) throw new Error(`call: ${got.status} ${got.text}`);
      const delegation = delegationOf(token);
      acknowledged.calls.push({ tenant, delegation, task: made.id, isStream: false, isWhole: true });
    });
  }

  async function work(first: number): Promise<void> {
    for (let turn = first; !ending.signal.aborted; turn++) {
      await exchangeAndCall(turn).catch((error: unknown) => acknowledged.surprises.push(String(error)));
      await delay(pauseMs);
    }
  }
  const working = Array.from({ length: workers }, (_, worker) => work(worker));
  return {
    acknowledged,
    retries: () => retries,
    calls: () => acknowledged.calls.length,
    end: async () => {
      ending.abort();
      await Promise.all(working);
    },
  };
}

/** An answer that began and is cut off is no reason to try again: a replica lets its answers end. */
async function sent(sending: Promise<Response>): Promise<Response> {
  const response = await sending.catch((error: unknown) => {
    throw new TryAgain(String(error), { cause: error });
  });
  if (response.status === 503) throw new TryAgain(`503 ${await response.text()}`);
  return response;
}

async function exchangeForm(market: Market, tenant: MarketTenant): Promise<URLSearchParams> {
  return new URLSearchParams({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await clientAssertion(tenant.client, tenant.clientId, market.issuer),
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: await tenant.idToken(),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    audience: market.agent,
  });
}

function inTurn<T>(all: readonly T[], turn: number): T {
  const one = all[turn % all.length];
  if (one === undefined) throw new Error('there is none');
  return one;
}
