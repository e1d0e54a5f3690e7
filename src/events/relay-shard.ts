import type { Clock } from '../kernel/clock.ts';
import type { Lease } from '../storage/lease.ts';
import type { StoredRecord, Write } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import { backoffMs } from './backoff.ts';
import type { OutboxRecord, OutboxRepository } from './outbox-repository.ts';
import type { Delivery, EventBus } from './port.ts';
import { readyEvents } from './ready-events.ts';

export interface RelayContext {
  readonly outbox: OutboxRepository;
  readonly bus: Pick<EventBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** What one walk through a shard came to. */
export interface Walk {
  readonly taken: number;
  /** Why the bus, or the way to it, failed. */
  readonly failure: string | undefined;
  /** When an event that was refused is due again; epoch milliseconds. */
  readonly nextAt: number | undefined;
  /** Did not get to the end: told to stop, or somebody else has the lease now. */
  readonly interrupted: boolean;
}

/** Two writes for each at worst, and the fence: within what one commit takes. */
const pageSize = 45;
/** Refusals after which an event is a dead letter: with the pauses between them, more than a minute. */
export const maxAttempts = 10;

/** Whether there is something to hand over; a look without the lease. */
export async function hasReadyEvents(
  { outbox, clock }: Pick<RelayContext, 'outbox' | 'clock'>,
  shard: number,
  consistency: 'strong' | 'eventual',
): Promise<{ readonly ready: boolean; readonly nextAt: number | undefined }> {
  let nextAt: number | undefined;
  for await (const page of pages(outbox, shard, consistency)) {
    const ready = await readyEvents(outbox, shard, page, clock.now());
    if (ready.events.length > 0) return { ready: true, nextAt: undefined };
    nextAt = earliest(nextAt, ready.nextAt);
  }
  return { ready: false, nextAt };
}

/** Hands over, once, every event of the shard that may go, oldest first, and takes out what the bus has taken. */
export async function relayShard(
  context: RelayContext,
  shard: number,
  lease: Lease,
  shouldStop: () => boolean,
): Promise<Walk> {
  let taken = 0;
  let failure: string | undefined;
  let nextAt: number | undefined;
  for await (const page of pages(context.outbox, shard, 'strong')) {
    const ready = await readyEvents(context.outbox, shard, page, context.clock.now());
    nextAt = earliest(nextAt, ready.nextAt);
    if (ready.events.length === 0) continue;
    if (shouldStop()) return { taken, failure, nextAt, interrupted: true };

    const deliveries = await context.bus.publish(ready.events.map(({ value }) => value.event));
    const writes: Write[] = [];
    for (const [index, record] of ready.events.entries()) {
      const delivery = deliveries[index] ?? { outcome: 'held' };
      if (delivery.outcome === 'taken') taken++;
      if (delivery.outcome === 'failed') failure ??= delivery.reason;
      const after = settle(context, record, delivery);
      nextAt = earliest(nextAt, after.nextAt);
      writes.push(...after.writes);
    }
    if (writes.length > 0) {
      const commit = await context.outbox.commit([lease.fence, ...writes]);
      if (!commit.ok) return { taken, failure, nextAt, interrupted: true };
    }
    // The bus takes nothing: what comes behind would meet the same fate.
    if (failure !== undefined && deliveries.every(({ outcome }) => outcome !== 'taken')) break;
  }
  return { taken, failure, nextAt, interrupted: false };
}

function settle(
  { outbox, clock, log, random }: RelayContext,
  record: StoredRecord<OutboxRecord>,
  delivery: Delivery,
): { readonly writes: readonly Write[]; readonly nextAt?: number } {
  if (delivery.outcome === 'taken') return { writes: [outbox.remove(record)] };
  if (delivery.outcome !== 'refused') return { writes: [] };
  const { notBefore: _, ...before } = record.value;
  const attempts = (before.attempts ?? 0) + 1;
  const refused = { ...before, attempts, reason: delivery.reason };
  const { id, type, subject } = before.event;
  if (attempts < maxAttempts) {
    const notBefore = clock.now() + backoffMs(attempts, random);
    log.warn({ event: id, type, subject, attempts, reason: delivery.reason }, 'the bus refused an event');
    return { writes: [outbox.replace(record, { ...refused, notBefore })], nextAt: notBefore };
  }
  log.error(
    { event: id, type, subject, attempts, reason: delivery.reason },
    'an event is a dead letter, and holds back what comes after it: replay or discard it',
  );
  const dead = { ...refused, deadAt: clock.now() };
  return { writes: [outbox.replace(record, dead), outbox.addDeadLetter(record)] };
}

async function* pages(
  outbox: Pick<OutboxRepository, 'waiting'>,
  shard: number,
  consistency: 'strong' | 'eventual',
): AsyncGenerator<readonly StoredRecord<OutboxRecord>[]> {
  let cursor: string | undefined;
  do {
    const page = await outbox.waiting(shard, {
      limit: pageSize,
      consistency,
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
