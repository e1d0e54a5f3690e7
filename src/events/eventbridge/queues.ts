import type { Delivery } from '../port.ts';
import type { Entry } from './entry.ts';

/** Of one `PutEvents` request: entries, and bytes of all of them together, which must be fewer than 256 KB. */
export const maxEntries = 10;
export const maxBytes = 256 * 1024 - 1;

interface Item {
  readonly subject: string;
  readonly entry: Entry;
}

export interface Queues {
  /** At most one of each subject, and not more than a request takes; empty when there is nothing left to try. */
  next(): readonly Entry[];
  /** What became of the entries that `next` gave last. Whatever is not taken holds back the rest of its subject. */
  settle(deliveries: readonly Delivery[]): void;
  /** For each item, in order; `held` for those that were not tried. */
  deliveries(): readonly Delivery[];
}

/** What waits, by subject, and how it gets into requests. */
export function createQueues(items: readonly Item[]): Queues {
  const outcomes: Delivery[] = items.map(() => ({ outcome: 'held' }));
  const waiting = new Map<string, number[]>();
  for (const [index, { subject }] of items.entries()) {
    const queue = waiting.get(subject);
    if (queue === undefined) waiting.set(subject, [index]);
    else queue.push(index);
  }
  let underWay: readonly number[] = [];

  function settleOne(index: number, delivery: Delivery): void {
    outcomes[index] = delivery;
    const subject = items[index]?.subject ?? '';
    const queue = waiting.get(subject);
    queue?.shift();
    if (delivery.outcome !== 'taken' || queue?.length === 0) waiting.delete(subject);
  }

  return {
    next() {
      const request: number[] = [];
      let bytes = 0;
      for (const [index = -1] of waiting.values()) {
        const size = items[index]?.entry.bytes ?? 0;
        if (size > maxBytes)
          settleOne(index, {
            outcome: 'refused',
            reason: `too large: ${size} bytes, where ${maxBytes} is the most`,
          });
        else if (request.length < maxEntries && bytes + size <= maxBytes) {
          request.push(index);
          bytes += size;
        }
      }
      underWay = request;
      return request.flatMap((index) => items[index]?.entry ?? []);
    },

    settle(deliveries) {
      for (const [position, index] of underWay.entries())
        settleOne(index, deliveries[position] ?? { outcome: 'held' });
    },

    deliveries: () => outcomes,
  };
}
