import type { Key, Page, Store, Write } from '../storage/port.ts';
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
export function createQuarantineRepository(store: Store) {
  const ofProvider = (provider: string) => `usage-quarantine#${provider}`;
  const placeOf = ({ provider, reason, event }: Quarantined): Key => ({
    partition: ofProvider(provider),
    sort: `${reason}#${usageKey(event.source, JSON.stringify(event))}`,
  });

  return {
    placeOf,
    list: (provider: string, page: PageRequest): Promise<Page<Quarantined>> =>
      store.list<Quarantined>(ofProvider(provider), page),
    /** In order; at most as many as a read takes. */
    areKept: async (items: readonly Quarantined[]): Promise<readonly boolean[]> =>
      (await store.getMany(items.map(placeOf))).map((record) => record !== undefined),
    insert: (value: Quarantined): Write => ({
      op: 'putIfAbsent',
      ...placeOf(value),
      value,
      expiresAt: Math.floor(value.at / 1000) + keptSeconds,
    }),
  };
}

export type QuarantineRepository = ReturnType<typeof createQuarantineRepository>;
