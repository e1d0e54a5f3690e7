import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { StorageError } from '../../src/storage/port.ts';
import { watchCommits } from '../billing/watched-store.ts';
import { openLine, say } from '../support/a2a.ts';
import { scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { runBroker } from '../support/broker-in-process.ts';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { delegationOf, postUsage, reportUsage, usageEvent } from '../support/usage.ts';

let agent: ScriptedAgent;
beforeAll(async () => {
  agent = await scriptedAgent();
});
afterAll(() => agent.close());

/** One attempt on each surface: whether it was acknowledged. A refusal has to be in the surface's own language. */
async function prepare(market: Market) {
  await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  const tenant = await market.addTenant('acme');
  const line = await openLine(market, tenant);
  const provider = await market.providerToken();
  const time = new Date().toISOString();
  const acknowledged = { calls: 0, events: [] as string[], tenants: ['acme'] };
  const event = (id: string) =>
    usageEvent(market, {
      tenant: 'acme',
      delegation: delegationOf(line.token),
      meter: 'searches',
      id,
      time,
    });
  let attempts = 0;

  const surfaces = {
    async exchange() {
      const answer = await market.exchange(tenant);
      const body: unknown = await answer.json();
      if (answer.ok) return true;
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toMatchObject({ error: 'temporarily_unavailable' });
      return false;
    },
    async call() {
      const answer = await line.call('SendMessage', say('hello'));
      if (answer.body.result !== undefined) {
        acknowledged.calls++;
        return true;
      }
      expect([answer.status, answer.reason]).toEqual([503, 'BROKER_UNAVAILABLE']);
      return false;
    },
    async usage() {
      const id = `e${++attempts}`;
      const answer = await postUsage(market, provider, [event(id)]);
      const body: unknown = await answer.json();
      if (answer.ok) {
        expect(body).toEqual({ results: [{ id, status: 'accepted' }] });
        acknowledged.events.push(id);
        return true;
      }
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toMatchObject({ code: 'unavailable' });
      return false;
    },
    async management() {
      const id = `tenant-${++attempts}`;
      const answer = await fetch(`${market.url}/v1/tenants`, {
        method: 'POST',
        headers: { authorization: `Bearer ${market.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id, name: 'x'.repeat(200), tier: 'standard' }),
      });
      const body: unknown = await answer.json();
      if (answer.ok) {
        acknowledged.tenants.push(id);
        return true;
      }
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toMatchObject({ code: 'unavailable' });
      return false;
    },
  };

  return {
    surfaces,
    /** Everything that was acknowledged is there, once. */
    async verify() {
      for (const id of acknowledged.tenants)
        expect(await call(market, 'GET', `/v1/tenants/${id}`)).toMatchObject({ id });
      const again = await reportUsage(market, await market.providerToken(), acknowledged.events.map(event));
      expect(again).toEqual(acknowledged.events.map((id) => ({ id, status: 'duplicate' })));
      const { items } = await call<{ items: { meter: string; quantity: string }[] }>(
        market,
        'GET',
        `/v1/tenants/acme/usage?from=${new Date(Date.now() - 86_400_000).toISOString()}`,
      );
      const quantities = Object.fromEntries(items.map(({ meter, quantity }) => [meter, quantity]));
      expect(quantities).toMatchObject({
        calls: String(acknowledged.calls),
        searches: String(acknowledged.events.length),
      });
    },
  };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

async function expectService({ surfaces, verify }: Prepared): Promise<void> {
  for (const [name, attempt] of Object.entries(surfaces)) expect(await attempt(), name).toBe(true);
  await verify();
}

const probe = mountSmallDisk(1);
probe?.dispose();

describe('a full disk', () => {
  it.runIf(probe !== undefined)(
    'refuses what would have to be written, keeps what was acknowledged, and goes on when there is room',
    async () => {
      const disk = mountSmallDisk(8);
      if (disk === undefined) throw new Error('it could be mounted a moment ago');
      try {
        const port = await freePort();
        const broker = await startBroker({ directory: disk.directory, port });
        const market = await openMarket({ url: broker.url, token: operatorToken }, agent.url);
        const prepared = await prepare(market);
        await expectService(prepared);

        disk.fill();
        // LMDB writes on into pages that are free inside its file; each success uses some of them up.
        for (const [name, attempt] of Object.entries(prepared.surfaces)) {
          let left = 1000;
          while (left > 0 && (await attempt())) left--;
          expect(left, `${name} goes on without end on a full disk`).toBeGreaterThan(0);
        }
        expect(await call(market, 'GET', '/v1/tenants/acme')).toMatchObject({ id: 'acme' });
        expect((await fetch(`${market.url}/readyz`)).status).toBe(200);
        expect(broker.output()).toContain('the disk is full or failing');

        disk.free();
        await expectService(prepared);
        expect(await broker.stop()).toBe(0);

        const again = await startBroker({ directory: disk.directory, port });
        await expectService(prepared);
        expect(await again.stop()).toBe(0);
      } finally {
        disk.dispose();
      }
    },
    60_000,
  );

  it('is told like any store that cannot write: 503 on every surface, and nothing is acknowledged', async () => {
    let full = false;
    const store = watchCommits(openMemoryStore({ clock: systemClock }), (_, pass) =>
      full ? Promise.reject(new StorageError('unavailable', 'the disk is full')) : pass(),
    );
    const broker = await runBroker({ store });
    const prepared = await prepare(await openMarket(broker, agent.url));
    await expectService(prepared);
    full = true;
    for (const [name, attempt] of Object.entries(prepared.surfaces))
      expect(await attempt(), name).toBe(false);
    full = false;
    await expectService(prepared);
    await broker.close();
  });
});
