import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutboxRepository, shardOf } from '../../src/events/outbox-repository.ts';
import { type RelayContext, relayShard } from '../../src/events/relay-shard.ts';
import { createLeases } from '../../src/storage/lease.ts';
import type { Store } from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';
import { changeTenant, firstArrivals, interruptedStore, silent, testBus, waiting } from './outbox-world.ts';

const hour = 3_600_000;

/** Three tenants that share a shard: they meet on its pages. */
function neighbours(run: number): readonly string[] {
  const names = Array.from({ length: 100 }, (_, index) => `acme-${run}-${index}`);
  const shard = shardOf(`tenant:${names[0]}`);
  return names.filter((name) => shardOf(`tenant:${name}`) === shard).slice(0, 3);
}

/** What happens at the next moment at which something can. */
const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('change' as const), tenant: fc.nat(2), by: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('race' as const), tenant: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'overtake' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'nothing' as const }) },
);

const outcome = fc.constantFrom('taken', 'taken', 'failed', 'refused', 'lost');

describe.each(engines)('the outbox on $name', (engine) => {
  let clock: TestClock;
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    clock = testClock();
    ({ store, dispose } = await engine.open(clock));
  });
  afterEach(() => dispose());

  it('loses nothing and keeps each subject’s order, whatever clocks, replicas and the bus do', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 10, maxLength: 80 }),
        fc.array(outcome, { maxLength: 30 }),
        async (happenings, outcomes) => {
          run++;
          const names = neighbours(run);
          const shard = shardOf(`tenant:${names[0]}`);
          // Three replicas that are hours apart.
          const clocks = [0, hour, -2 * hour].map((skew) => testClock(clock.now() + skew));
          const committed = new Map<string, number>();
          const bus = testBus();
          bus.answer(...outcomes);
          const script = [...happenings];
          const change = async (tenant: number, by: number): Promise<void> => {
            const name = names[tenant] ?? '';
            const ok = await changeTenant(store, clocks[by] ?? clock, name);
            if (ok) committed.set(`tenant:${name}`, (committed.get(`tenant:${name}`) ?? 0) + 1);
          };
          const other: RelayContext = contextOf(store, clocks[1] ?? clock);
          const theirs = createLeases({ store, clock: clocks[1] ?? clock, termMs: 1 });

          async function between(): Promise<void> {
            const next = script.shift();
            clocks.forEach((own) => own.advance(7));
            if (next?.kind === 'change') await change(next.tenant, next.by);
            else if (next?.kind === 'race') await Promise.all([0, 1, 2].map((by) => change(next.tenant, by)));
            else if (next?.kind === 'overtake') {
              // Another replica takes the lease from under the one that relays, and relays as well.
              const free = await theirs.acquire(`outbox-${shard}`);
              clocks[1]?.advance(2);
              const lease = free ?? (await theirs.acquire(`outbox-${shard}`));
              if (lease !== undefined) await relayShard(other, shard, lease, () => false);
              await lease?.release();
            }
          }

          function contextOf(through: Store, own: TestClock): RelayContext {
            return {
              outbox: createOutboxRepository(through),
              bus,
              clock: own,
              log: silent,
              random: () => 0.5,
            };
          }

          const ours = createLeases({ store, clock: clocks[0] ?? clock, termMs: 1_000_000 });
          const relay = async (through: Store): Promise<void> => {
            const context = contextOf(through, clocks[0] ?? clock);
            await ours.hold(`outbox-${shard}`, (lease) => relayShard(context, shard, lease, () => false));
          };
          for (let tenant = 0; tenant < names.length; tenant++) await change(tenant, tenant);
          while (script.length > 0) await relay(interruptedStore(store, between));
          for (let rounds = 0; (await waiting(store)).length > 0; rounds++) {
            clocks[0]?.advance(hour);
            await relay(store);
            expect(rounds).toBeLessThan(100);
          }

          const arrived = firstArrivals(bus.taken);
          for (const [subject, count] of committed)
            expect([subject, arrived.get(subject)]).toEqual([
              subject,
              Array.from({ length: count }, (_, index) => index + 1),
            ]);
          expect(arrived.size).toBe(committed.size);
        },
      ),
      { numRuns: engine.name === 'memory' ? 300 : engine.name === 'lmdb' ? 30 : 10 },
    );
  }, 120_000);
});
