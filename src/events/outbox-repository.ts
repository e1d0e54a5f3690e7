import { createHash } from 'node:crypto';
import { maxKeysPerRead, type Page, type Store, type StoredRecord, type Write } from '../storage/port.ts';
import type { EventEnvelope } from './port.ts';

/** An event that waits for the bus. */
export interface OutboxRecord {
  readonly event: EventEnvelope;
  /** Sort key of the event of the same subject before this one; `null` for the first. It goes only when that has gone. */
  readonly previous: string | null;
  /** How often the bus refused it, and why it did last. */
  readonly attempts?: number;
  readonly reason?: string;
  /** Epoch milliseconds; not tried before. */
  readonly notBefore?: number;
  /** Set on a dead letter: it stays, and holds back what comes after it, until somebody decides. */
  readonly deadAt?: number;
}

/** Where the events of a subject have got to. */
export interface SubjectHead {
  readonly sequence: number;
  /** Order time of the last event; the next one's is later, whatever the clock of its writer says. */
  readonly at: number;
  /** Sort key of the last event. */
  readonly last: string;
}

/** Points at an outbox record that is dead. */
export interface DeadLetterRecord {
  readonly partition: string;
  readonly sort: string;
}

/**
 * Spread over partitions, so that no single one takes all writes. The number never changes: an event must not overtake
 * another of its subject that waits where it would have been before.
 */
export const shardCount = 8;

export const shards: readonly number[] = Array.from({ length: shardCount }, (_, shard) => shard);

const deadLetters = 'event-dead-letters';

/** Keys: see docs/storage/events.md. */
export function createOutboxRepository(store: Store) {
  const headKey = (subject: string) => ({ partition: `event-subject#${subject}`, sort: 'head' });

  return {
    head: (subject: string): Promise<StoredRecord<SubjectHead> | undefined> =>
      store.get<SubjectHead>(headKey(subject)),
    /** Fails when the subject got another event since `version`; `undefined`: when it has one at all. */
    moveHead: (subject: string, value: SubjectHead, version: string | undefined): Write =>
      version === undefined
        ? { op: 'putIfAbsent', ...headKey(subject), value }
        : { op: 'putIfVersion', ...headKey(subject), version, value },

    append: (sort: string, value: OutboxRecord): Write => ({
      op: 'put',
      partition: partitionOf(shardOf(value.event.subject)),
      sort,
      value,
    }),
    /** Oldest first. */
    waiting: (
      shard: number,
      page: {
        readonly limit: number;
        readonly cursor?: string;
        readonly consistency?: 'strong' | 'eventual';
      },
    ): Promise<Page<OutboxRecord>> => store.list<OutboxRecord>(partitionOf(shard), page),
    /** Which of these are still there. */
    present: async (shard: number, sorts: readonly string[]): Promise<ReadonlySet<string>> => {
      const found = await store.getMany(sorts.map((sort) => ({ partition: partitionOf(shard), sort })));
      return new Set(found.flatMap((record) => (record === undefined ? [] : [record.sort])));
    },
    remove: ({ partition, sort, version }: StoredRecord<OutboxRecord>): Write => ({
      op: 'delete',
      partition,
      sort,
      version,
    }),
    replace: ({ partition, sort, version }: StoredRecord<OutboxRecord>, value: OutboxRecord): Write => ({
      op: 'putIfVersion',
      partition,
      sort,
      version,
      value,
    }),

    addDeadLetter: ({ partition, sort, value }: StoredRecord<OutboxRecord>): Write => ({
      op: 'put',
      partition: deadLetters,
      sort: value.event.id,
      value: { partition, sort } satisfies DeadLetterRecord,
    }),
    removeDeadLetter: (eventId: string): Write => ({
      op: 'delete',
      partition: deadLetters,
      sort: eventId,
    }),
    /** By event id, so oldest first. */
    deadLetters: async (page: {
      readonly limit: number;
      readonly cursor?: string;
    }): Promise<Page<OutboxRecord>> => {
      const index = await store.list<DeadLetterRecord>(deadLetters, {
        ...page,
        limit: Math.min(page.limit, maxKeysPerRead),
      });
      const items = await dead(index.items.map(({ value }) => value));
      return index.cursor === undefined ? { items } : { items, cursor: index.cursor };
    },
    deadLetter: async (eventId: string): Promise<StoredRecord<OutboxRecord> | undefined> => {
      const pointer = await store.get<DeadLetterRecord>({ partition: deadLetters, sort: eventId });
      return pointer === undefined ? undefined : (await dead([pointer.value]))[0];
    },

    commit: (writes: readonly Write[]) => store.commit(writes),
  };

  async function dead(places: readonly DeadLetterRecord[]): Promise<readonly StoredRecord<OutboxRecord>[]> {
    const found = await store.getMany<OutboxRecord>(places);
    return found.filter((record) => record?.value.deadAt !== undefined) as StoredRecord<OutboxRecord>[];
  }
}

export type OutboxRepository = ReturnType<typeof createOutboxRepository>;

export function shardOf(subject: string): number {
  return createHash('sha256').update(subject).digest().readUInt32BE() % shardCount;
}

/** The shard whose outbox this partition is. */
export function shardOfPartition(partition: string): number | undefined {
  const match = /^outbox#(\d+)$/.exec(partition);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function partitionOf(shard: number): string {
  return `outbox#${shard}`;
}
