import type { OutboxRecord } from '../../src/events/outbox-repository.ts';
import { createOutboxRepository, shards } from '../../src/events/outbox-repository.ts';
import type { Delivery, EventBus, EventEnvelope } from '../../src/events/port.ts';
import { createEvents } from '../../src/events/write-event.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { ListOptions, Page, Store, StoredRecord } from '../../src/storage/port.ts';
import { createLog } from '../../src/telemetry/log.ts';

export const silent = createLog({ level: 'silent' });
export const brokerUrl = 'https://broker.example';

/** Changes a tenant as a use case does: its record and the event in one commit. Answers whether it was committed. */
export async function changeTenant(store: Store, clock: Clock, tenant: string): Promise<boolean> {
  const place = { partition: `thing#${tenant}`, sort: 'thing' };
  const before = await store.get<number>(place);
  const value = (before?.value ?? 0) + 1;
  const events = createEvents({ store, clock, ids: systemIds, brokerUrl });
  const commit = await store.commit([
    before === undefined
      ? { op: 'putIfAbsent', ...place, value }
      : { op: 'putIfVersion', ...place, version: before.version, value },
    ...(await events.writes('tenant.changed.v1', { tenant, tier: 'standard', changed: ['name'] })),
  ]);
  return commit.ok;
}

export interface TestBus extends EventBus {
  /** What it has taken, in order, repetitions included. */
  readonly taken: EventEnvelope[];
  /** How often it was asked. */
  readonly calls: () => number;
  /** What becomes of the next events; afterwards everything is taken again. `lost`: taken, but the answer never came. */
  answer(...outcomes: readonly ('taken' | 'refused' | 'failed' | 'lost')[]): void;
  /** For all events until called again without one. */
  always(outcome?: 'refused' | 'failed', unless?: (event: EventEnvelope) => boolean): void;
}

/** Keeps the promises of a bus and does what a test says. */
export function testBus(): TestBus {
  const taken: EventEnvelope[] = [];
  const next: ('taken' | 'refused' | 'failed' | 'lost')[] = [];
  let standing: 'refused' | 'failed' | undefined;
  let spared: (event: EventEnvelope) => boolean = () => false;
  let calls = 0;

  function deliver(event: EventEnvelope): Delivery {
    const outcome = next.shift() ?? (spared(event) ? undefined : standing) ?? 'taken';
    if (outcome === 'taken' || outcome === 'lost') taken.push(event);
    if (outcome === 'taken') return { outcome };
    return outcome === 'refused'
      ? { outcome, reason: 'MalformedDetail: a test says so' }
      : { outcome: 'failed', reason: 'ThrottlingException: a test says so' };
  }

  return {
    kind: 'in-process',
    taken,
    calls: () => calls,
    answer: (...outcomes) => void next.push(...outcomes),
    always: (outcome, unless = () => false) => {
      standing = outcome;
      spared = unless;
    },
    publish(events) {
      calls++;
      const stuck = new Set<string>();
      return Promise.resolve(
        events.map((event): Delivery => {
          if (stuck.has(event.subject)) return { outcome: 'held' };
          const delivery = deliver(event);
          if (delivery.outcome !== 'taken') stuck.add(event.subject);
          return delivery;
        }),
      );
    },
    close: () => Promise.resolve(),
  };
}

/** Everything that waits, over all shards. */
export async function waiting(store: Store): Promise<readonly StoredRecord<OutboxRecord>[]> {
  const outbox = createOutboxRepository(store);
  const found: StoredRecord<OutboxRecord>[] = [];
  for (const shard of shards) {
    let cursor: string | undefined;
    do {
      const page: Page<OutboxRecord> = await outbox.waiting(shard, {
        limit: 1000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
  return found;
}

/** For each subject the sequence numbers in the order of their first arrival. */
export function firstArrivals(events: readonly EventEnvelope[]): ReadonlyMap<string, readonly number[]> {
  const bySubject = new Map<string, number[]>();
  for (const { subject, sequence } of events) {
    const numbers = bySubject.get(subject) ?? [];
    bySubject.set(subject, numbers);
    if (!numbers.includes(Number(sequence))) numbers.push(Number(sequence));
  }
  return bySubject;
}

/** The same store, read in the smallest steps, between which something else may happen. */
export function interruptedStore(store: Store, between: () => Promise<void>): Store {
  return {
    ...store,
    async get(key, options) {
      await between();
      return store.get(key, options);
    },
    async getMany(keys, options) {
      await between();
      return store.getMany(keys, options);
    },
    // A page is not a snapshot: each record is read at a moment of its own.
    async list<T>(partition: string | readonly string[], options: ListOptions = {}): Promise<Page<T>> {
      const items: StoredRecord<T>[] = [];
      let { cursor } = options;
      for (let count = 0; count < (options.limit ?? 100); count++) {
        await between();
        const page: Page<T> = await store.list<T>(partition, {
          ...options,
          limit: 1,
          ...(cursor === undefined ? {} : { cursor }),
        });
        items.push(...page.items);
        ({ cursor } = page);
        if (cursor === undefined) break;
      }
      return cursor === undefined ? { items } : { items, cursor };
    },
    async commit(writes) {
      await between();
      return store.commit(writes);
    },
  };
}
