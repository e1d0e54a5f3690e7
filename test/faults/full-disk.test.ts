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

/** How each surface says, in its own language, that the store cannot write. */
const refusals = {
  exchange: '503 temporarily_unavailable, again in 1 s',
  call: '503 BROKER_UNAVAILABLE, again in 1 s',
  usage: '503 unavailable, again in 1 s',
  management: '503 unavailable, again in 1 s',
};

type Surface = keyof typeof refusals;
const surfaces = Object.keys(refusals) as Surface[];

interface Prepared {
  /** `done` when it was acknowledged, else how it was refused. */
  readonly attempt: (surface: Surface) => Promise<string>;
  /** Everything that was acknowledged is there, once. */
  readonly verify: () => Promise<void>;
}

async function prepare(market: Market): Promise<Prepared> {
  await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  const tenant = await market.addTenant('acme');
  const line = await openLine(market, tenant);
  const provider = await market.providerToken();
  const time = new Date().toISOString();
  const delegation = delegationOf(line.token);
  const event = (id: string) =>
    usageEvent(market, { tenant: 'acme', delegation, meter: 'searches', id, time });
  const acknowledged = { calls: 0, events: [] as string[], tenants: ['acme'] };
  let count = 0;

  const on: Record<Surface, () => Promise<string>> = {
    exchange: async () => outcomeOf(await market.exchange(tenant)),
    call: async () => {
      const answer = await line.call('SendMessage', say('hello'));
      if (answer.body.result === undefined)
        return `${answer.status} ${answer.reason}, again in ${answer.headers.get('retry-after')} s`;
      acknowledged.calls++;
      return 'done';
    },
    usage: async () => {
      const id = `e${++count}`;
      const outcome = await outcomeOf(await postUsage(market, provider, [event(id)]));
      if (outcome === 'done') acknowledged.events.push(id);
      return outcome;
    },
    management: async () => {
      const id = `tenant-${++count}`;
      const response = await fetch(`${market.url}/v1/tenants`, {
        method: 'POST',
        headers: { authorization: `Bearer ${market.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id, name: 'x'.repeat(200), tier: 'standard' }),
      });
      const outcome = await outcomeOf(response);
      if (outcome === 'done') acknowledged.tenants.push(id);
      return outcome;
    },
  };

  return {
    attempt: (surface) => on[surface](),
    verify: async () => {
      for (const id of acknowledged.tenants)
        expect(await call(market, 'GET', `/v1/tenants/${id}`)).toMatchObject({ id });
      const again = await reportUsage(market, await market.providerToken(), acknowledged.events.map(event));
      expect(again).toEqual(acknowledged.events.map((id) => ({ id, status: 'duplicate' })));
      const { items } = await call<{ items: { meter: string; quantity: string }[] }>(
        market,
        'GET',
        `/v1/tenants/acme/usage?from=${new Date(Date.now() - 86_400_000).toISOString()}`,
      );
      expect(Object.fromEntries(items.map(({ meter, quantity }) => [meter, quantity]))).toMatchObject({
        calls: String(acknowledged.calls),
        searches: String(acknowledged.events.length),
      });
    },
  };
}

async function outcomeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { readonly code?: string; readonly error?: string };
  if (response.ok) return 'done';
  return `${response.status} ${body.code ?? body.error}, again in ${response.headers.get('retry-after')} s`;
}

async function expectService({ attempt, verify }: Prepared): Promise<void> {
  for (const surface of surfaces) expect([surface, await attempt(surface)]).toEqual([surface, 'done']);
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
        for (const surface of surfaces) {
          let outcome = 'done';
          for (let left = 1000; left > 0 && outcome === 'done'; left--)
            outcome = await prepared.attempt(surface);
          expect([surface, outcome]).toEqual([surface, refusals[surface]]);
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
    for (const surface of surfaces)
      expect([surface, await prepared.attempt(surface)]).toEqual([surface, refusals[surface]]);
    full = false;
    await expectService(prepared);
    await broker.close();
  });
});
