import { shards } from '../events/outbox-repository.ts';
import type { EventBus } from '../events/port.ts';
import { maxKeysPerRead } from '../storage/port.ts';
import type { OperationsContext } from './deps.ts';

export interface OutboxSummary {
  readonly bus: EventBus['kind'];
  /** Events that the bus has not taken yet, dead letters included. */
  readonly waiting: number;
  /** There are more than were counted. */
  readonly isCapped: boolean;
  /** Of the oldest of them; epoch milliseconds. */
  readonly oldestAt: number | undefined;
  readonly deadLetters: number;
  readonly areDeadLettersCapped: boolean;
}

/** What one look counts of each shard; an answer must not read a backlog of hours. */
const countedPerShard = 1000;

export async function outboxSummary({ outbox, bus }: OperationsContext): Promise<OutboxSummary> {
  const [pages, dead] = await Promise.all([
    Promise.all(shards.map((shard) => outbox.waiting(shard, { limit: countedPerShard }))),
    outbox.deadLetters({ limit: maxKeysPerRead }),
  ]);
  const oldest = pages.flatMap(({ items: [first] }) =>
    first === undefined ? [] : [Date.parse(first.value.event.time)],
  );
  return {
    bus: bus.kind,
    waiting: pages.reduce((sum, { items }) => sum + items.length, 0),
    isCapped: pages.some(({ cursor }) => cursor !== undefined),
    oldestAt: oldest.length === 0 ? undefined : Math.min(...oldest),
    deadLetters: dead.items.length,
    areDeadLettersCapped: dead.cursor !== undefined,
  };
}
