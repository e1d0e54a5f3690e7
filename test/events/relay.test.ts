import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventEnvelope } from '../../src/events/port.ts';
import { shardOf } from '../../src/events/outbox-repository.ts';
import { createRelay, type Relay } from '../../src/events/relay-outbox.ts';
import { maxAttempts } from '../../src/events/relay-shard.ts';
import { ringOnCommit } from '../../src/events/ring-on-commit.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLeases } from '../../src/storage/lease.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { StorageError, type Store } from '../../src/storage/port.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';
import { testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';
import { changeTenant, silent, testBus, type TestBus, waiting } from './outbox-world.ts';

const told = (events: readonly EventEnvelope[]) =>
  events.map(({ subject, sequence }) => `${subject} ${Number(sequence)}`);
const soon = { timeout: 10_000, interval: 5 };

describe.each(engines)('the relay on $name', (engine) => {
  const clock = systemClock;
  let store: Store;
  let dispose: () => Promise<void>;
  let bus: TestBus;
  const relays: Relay[] = [];
  beforeEach(async () => {
    ({ store, dispose } = await engine.open(clock));
    bus = testBus();
  });
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await dispose();
  });

  /** A replica: its relay, and the store through which it writes. */
  function replica(own: TestBus = bus): { readonly relay: Relay; readonly through: Store } {
    const relay = createRelay({ store, bus: own, clock, log: silent, random: Math.random });
    relays.push(relay);
    return { relay, through: ringOnCommit(store, (shard) => relay.wake(shard)) };
  }

  it('hands over what was committed before it started, and what is committed after', async () => {
    await changeTenant(store, clock, 'acme');
    await changeTenant(store, clock, 'acme');
    const { relay, through } = replica();
    relay.start();
    await vi.waitFor(() => expect(told(bus.taken)).toEqual(['tenant:acme 1', 'tenant:acme 2']), soon);
    await changeTenant(through, clock, 'acme');
    await vi.waitFor(() => expect(told(bus.taken)).toContain('tenant:acme 3'), soon);
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), soon);
    expect(bus.taken).toHaveLength(3);
  });

  it('keeps what the bus did not take, and goes on when it does', async () => {
    bus.always('failed');
    const { relay, through } = replica();
    relay.start();
    await changeTenant(through, clock, 'acme');
    await changeTenant(through, clock, 'globex');
    await vi.waitFor(() => expect(bus.calls()).toBeGreaterThan(2), soon);
    await relay.stop();
    expect(told((await waiting(store)).map(({ value }) => value.event)).toSorted()).toEqual([
      'tenant:acme 1',
      'tenant:globex 1',
    ]);
    expect(bus.taken).toEqual([]);
    bus.always();
    replica().relay.start();
    await vi.waitFor(
      () => expect(told(bus.taken).toSorted()).toEqual(['tenant:acme 1', 'tenant:globex 1']),
      soon,
    );
  });

  it('tells again what was taken in the moment of a crash, and nothing out of order', async () => {
    bus.answer('lost');
    const { relay, through } = replica();
    await changeTenant(through, clock, 'acme');
    await changeTenant(through, clock, 'acme');
    relay.start();
    await vi.waitFor(
      () => expect(told(bus.taken)).toEqual(['tenant:acme 1', 'tenant:acme 1', 'tenant:acme 2']),
      soon,
    );
    expect(bus.taken[0]?.id).toBe(bus.taken[1]?.id);
  });

  it('works once for all replicas, whichever writes', async () => {
    const [first, second] = [replica(), replica()];
    first.relay.start();
    second.relay.start();
    for (let round = 0; round < 5; round++) {
      await changeTenant(first.through, clock, 'acme');
      await changeTenant(second.through, clock, 'acme');
      await changeTenant(second.through, clock, `tenant-${round}`);
    }
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), soon);
    expect(bus.taken).toHaveLength(15);
    expect(told(bus.taken).filter((text) => text.startsWith('tenant:acme'))).toEqual(
      Array.from({ length: 10 }, (_, index) => `tenant:acme ${index + 1}`),
    );
  });

  it('gives the leases back when it stops', async () => {
    const { relay, through } = replica();
    relay.start();
    await changeTenant(through, clock, 'acme');
    await vi.waitFor(() => expect(bus.taken).toHaveLength(1), soon);
    await relay.stop();
    for (let shard = 0; shard < 8; shard++)
      expect(await createLeases({ store, clock }).acquire(`outbox-${shard}`)).toBeDefined();
  });

  it('removes nothing for a lease that another replica has taken over', async () => {
    const taken = bus.publish.bind(bus);
    const robbed: TestBus = {
      ...bus,
      publish: async (events) => {
        const deliveries = await taken(events);
        // As if this process had been stopped for longer than its lease: the record goes, somebody takes it.
        for (let shard = 0; shard < 8; shard++) {
          await store.commit([{ op: 'delete', partition: `lease#outbox-${shard}`, sort: 'holder' }]);
          await createLeases({ store, clock }).acquire(`outbox-${shard}`);
        }
        return deliveries;
      },
    };
    const { relay } = replica(robbed);
    await changeTenant(store, clock, 'acme');
    relay.start();
    await vi.waitFor(() => expect(bus.taken).toHaveLength(1), soon);
    await relay.stop();
    expect(await waiting(store)).toHaveLength(1);
  });

  it('reads a long backlog page by page, in order', async () => {
    for (let change = 0; change < 120; change++)
      await changeTenant(store, clock, change % 2 === 0 ? 'a' : 'b');
    const sizes: number[] = [];
    const counting: TestBus = {
      ...bus,
      publish: (events) => {
        sizes.push(events.length);
        return bus.publish(events);
      },
    };
    replica(counting).relay.start();
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), soon);
    expect(bus.taken).toHaveLength(120);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(45);
    for (const tenant of ['a', 'b'])
      expect(told(bus.taken).filter((text) => text.startsWith(`tenant:${tenant} `))).toEqual(
        Array.from({ length: 60 }, (_, index) => `tenant:${tenant} ${index + 1}`),
      );
  });
});

describe.each(engines.filter(({ name }) => name !== 'memory'))('the relay on $name, shared', (engine) => {
  it('hands over what a process wrote that has no relay of its own', async () => {
    const { store, dispose } = await engine.open(systemClock);
    expect(store.capabilities.shared).toBe(true);
    const bus = testBus();
    const relay = createRelay({ store, bus, clock: systemClock, log: silent, random: Math.random });
    relay.start();
    await vi.waitFor(async () => {
      await changeTenant(store, systemClock, 'acme');
      expect(bus.taken.length).toBeGreaterThan(0);
    }, soon);
    await relay.stop();
    await dispose();
  });
});

describe('the relay in time', () => {
  const clock = testClock();
  let store: Store;
  let bus: TestBus;
  let relay: Relay;
  let lines: { level: string; msg: string }[];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    store = openMemoryStore({ clock });
    bus = testBus();
    lines = [];
    relay = createRelay({ store, bus, clock, log: listening(lines), random: () => 1 });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await relay.stop();
  });

  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await vi.advanceTimersByTimeAsync(ms);
  };
  const change = (tenant = 'acme') =>
    changeTenant(
      ringOnCommit(store, (shard) => relay.wake(shard)),
      clock,
      tenant,
    );

  it('hands over at once what this process commits', async () => {
    relay.start();
    await pass(0);
    await change();
    await pass(0);
    expect(told(bus.taken)).toEqual(['tenant:acme 1']);
  });

  it('leaves a bus that is down in peace, longer each time, whatever is committed meanwhile', async () => {
    bus.always('failed');
    relay.start();
    await change();
    await pass(0);
    const calls: number[] = [];
    for (let second = 0; second < 300; second++) {
      const before = bus.calls();
      await change();
      await pass(1000);
      calls.push(bus.calls() - before);
    }
    const total = calls.reduce((sum, count) => sum + count, 0);
    // 0.4, 0.8, 1.6, … up to 30 s: not a call for each of the 300 events, and not none.
    expect(total).toBeGreaterThan(10);
    expect(total).toBeLessThan(20);
    expect(calls.slice(-30).reduce((sum, count) => sum + count, 0)).toBe(1);
    // Said once, not 300 times.
    expect(lines.filter(({ msg }) => msg === 'the event bus does not take events')).toHaveLength(1);

    bus.always();
    await pass(30_000);
    await pass(0);
    await pass(0);
    expect(told(bus.taken)).toEqual(Array.from({ length: 301 }, (_, index) => `tenant:acme ${index + 1}`));
    expect(lines.some(({ msg }) => msg === 'events are handed over again')).toBe(true);
  });

  it('lets another replica try while it waits for the bus', async () => {
    bus.always('failed');
    relay.start();
    await change();
    await pass(0);
    expect(bus.calls()).toBe(1);
    const better = testBus();
    const other = createRelay({ store, bus: better, clock, log: silent, random: () => 1 });
    other.start();
    await pass(0);
    expect(told(better.taken)).toEqual(['tenant:acme 1']);
    await other.stop();
  });

  it('makes a dead letter of what is refused again and again, which holds back its subject and no other', async () => {
    bus.always('refused', ({ subject }) => subject !== 'tenant:acme');
    relay.start();
    await change('acme');
    await change('acme');
    for (let index = 0; index < 20; index++) await change(`other-${index}`);
    for (let seconds = 0; seconds < 300; seconds++) await pass(1000);
    expect(bus.taken).toHaveLength(20);
    const stuck = await waiting(store);
    expect(told(stuck.map(({ value }) => value.event))).toEqual(['tenant:acme 1', 'tenant:acme 2']);
    expect(stuck.map(({ value }) => value.attempts)).toEqual([maxAttempts, undefined]);
    expect(stuck[0]?.value.deadAt).toBeDefined();
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);

    // It is not tried any more, and what comes is not held up.
    const calls = bus.calls();
    await change('acme');
    await pass(60_000);
    expect(bus.calls()).toBe(calls);
    expect((await waiting(store))[0]?.value.attempts).toBe(maxAttempts);
    await change('other-0');
    await pass(0);
    expect(bus.taken).toHaveLength(21);
  });

  it('does not try a refused event sooner because others come', async () => {
    bus.always('refused', ({ subject }) => subject !== 'tenant:acme');
    relay.start();
    await change('acme');
    await pass(0);
    // The first pause is 0.4 s.
    for (let tenth = 0; tenth < 3; tenth++) {
      await change('acme');
      await pass(100);
    }
    expect((await waiting(store))[0]?.value.attempts).toBe(1);
    await pass(100);
    expect((await waiting(store))[0]?.value.attempts).toBe(2);
  });

  it('asks a bus that is down about one page, not about the whole backlog', async () => {
    bus.always('failed');
    const shard = shardOf('tenant:t0');
    const neighbours = Array.from({ length: 2000 }, (_, index) => `t${index}`)
      .filter((tenant) => shardOf(`tenant:${tenant}`) === shard)
      .slice(0, 150);
    for (const tenant of neighbours) await changeTenant(store, clock, tenant);
    relay.start();
    await pass(0);
    expect(bus.calls()).toBe(1);
    bus.always();
    await pass(1000);
    expect(bus.taken).toHaveLength(150);
  });

  it('lets the hand-over that is under way end before it stops', async () => {
    let answer = (): void => undefined;
    const slow: TestBus = {
      ...bus,
      publish: async (events) => {
        await new Promise<void>((resolve) => (answer = resolve));
        return bus.publish(events);
      },
    };
    const other = createRelay({ store, bus: slow, clock, log: silent, random: () => 1 });
    await changeTenant(store, clock, 'acme');
    other.start();
    await pass(0);
    let hasStopped = false;
    const stopped = other.stop().then(() => (hasStopped = true));
    await pass(100);
    expect(hasStopped).toBe(false);
    answer();
    await stopped;
    expect(await waiting(store)).toEqual([]);
  });

  it('takes over what a dead process left, after its lease has stood still for a term', async () => {
    for (let shard = 0; shard < 8; shard++) await createLeases({ store, clock }).acquire(`outbox-${shard}`);
    relay.start();
    await change();
    for (let seconds = 0; seconds < 14; seconds++) await pass(1000);
    expect(bus.taken).toEqual([]);
    await pass(1000);
    await pass(1000);
    expect(told(bus.taken)).toEqual(['tenant:acme 1']);
  });

  it('goes on after the store was away', async () => {
    let isAway = true;
    const flaky: Store = {
      ...store,
      list: (partition, options) =>
        isAway ? Promise.reject(new StorageError('unavailable', 'away')) : store.list(partition, options),
    };
    const other = createRelay({ store: flaky, bus, clock, log: silent, random: () => 1 });
    await changeTenant(store, clock, 'acme');
    other.start();
    await pass(5000);
    isAway = false;
    await pass(5000);
    await pass(0);
    expect(bus.taken).toHaveLength(1);
    await other.stop();
  });

  it('does nothing while nothing happens', async () => {
    let reads = 0;
    const counting: Store = {
      ...store,
      list: (partition, options) => {
        reads++;
        return store.list(partition, options);
      },
    };
    const other = createRelay({ store: counting, bus, clock, log: silent, random: () => 1 });
    other.start();
    await pass(60_000);
    // One look at each shard when it starts; nobody else can write to this store.
    expect(reads).toBe(8);
    await other.stop();
  });
});

function listening(lines: { level: string; msg: string }[]): Log {
  const log = createLog({ level: 'silent' });
  const note =
    (level: string) =>
    (_: object, msg = ''): void =>
      void lines.push({ level, msg });
  return {
    ...log,
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  } as Log;
}
