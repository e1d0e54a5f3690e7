import { epochSeconds, type Clock } from '../kernel/clock.ts';
import type { Page, Store, Write } from '../storage/port.ts';
import type { PageRequest } from './paging.ts';
import { usageKey } from './usage-record.ts';
import type { Rejection, UsageEvent } from './z-usage-event.ts';

/** What is kept of an event that is not billed, for people to look at. */
export interface Quarantined {
  readonly id: string;
  readonly provider: string;
  readonly reason: Rejection;
  readonly at: number;
  readonly event: UsageEvent;
}

const keptSeconds = 90 * 24 * 3600;

/** Keys: see docs/storage/billing.md. */
export function createQuarantineRepository({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}) {
  const place = (item: Quarantined) => ({
    partition: `usage-quarantine#${item.provider}`,
    sort: keyOf(item),
  });

  return {
    list: (provider: string, page: PageRequest): Promise<Page<Quarantined>> =>
      store.list<Quarantined>(`usage-quarantine#${provider}`, page),
    /** Those that are not kept yet. */
    unknown: async (items: readonly Quarantined[]): Promise<readonly Quarantined[]> => {
      const known = await store.getMany<Quarantined>(items.map(place));
      return items.filter((_, index) => known[index] === undefined);
    },
    insert: (value: Quarantined): Write => ({
      op: 'putIfAbsent',
      ...place(value),
      value,
      expiresAt: epochSeconds(clock) + keptSeconds,
    }),
  };
}

/** The same event for the same reason is one, however often it is told. */
export function keyOf({ reason, event }: Quarantined): string {
  return `${reason}#${usageKey(event.source, JSON.stringify(event))}`;
}

export type QuarantineRepository = ReturnType<typeof createQuarantineRepository>;
