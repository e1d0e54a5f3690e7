import type { StoredRecord } from '../storage/port.ts';
import type { OutboxRecord, OutboxRepository } from './outbox-repository.ts';

type Waiting = StoredRecord<OutboxRecord>;

export interface Ready {
  /** In the page's order. */
  readonly events: readonly Waiting[];
  /** When the first of those that wait for another attempt is due; epoch milliseconds. */
  readonly nextAt: number | undefined;
}

/**
 * Which of a page may go out now: those whose predecessor has gone, or goes right before them.
 *
 * A page is not a snapshot. It may show an event and not its predecessor, which was written while the page was read and
 * belongs further up. So what the page does not show is looked for: it was committed before its successor, and the look comes
 * after, so it is either still there or has gone for good.
 */
export async function readyEvents(
  outbox: Pick<OutboxRepository, 'present'>,
  shard: number,
  page: readonly Waiting[],
  now: number,
): Promise<Ready> {
  const shown = new Set(page.map(({ sort }) => sort));
  const unseen = page.flatMap(({ value: { previous } }) =>
    previous === null || shown.has(previous) ? [] : [previous],
  );
  const stillThere = unseen.length === 0 ? new Set<string>() : await outbox.present(shard, unseen);

  const going = new Set<string>();
  let nextAt: number | undefined;
  const events = page.filter(({ sort, value: { previous, deadAt, notBefore = 0 } }) => {
    const isNext =
      previous === null || (shown.has(previous) ? going.has(previous) : !stillThere.has(previous));
    if (!isNext || deadAt !== undefined) return false;
    if (notBefore > now) {
      nextAt = Math.min(nextAt ?? Infinity, notBefore);
      return false;
    }
    going.add(sort);
    return true;
  });
  return { events, nextAt };
}
