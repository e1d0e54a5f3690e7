import type { Page, Store, Write } from '../storage/port.ts';
import { commitAll } from './line-pages.ts';
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

  return {
    list: (provider: string, page: PageRequest): Promise<Page<Quarantined>> =>
      store.list<Quarantined>(ofProvider(provider), page),

    /** Told again, an event is kept once. */
    keep: async (items: readonly Quarantined[]): Promise<void> => {
      const writes = new Map<string, Write>();
      for (const value of items) {
        const sort = `${value.reason}#${usageKey(value.event.source, JSON.stringify(value.event))}`;
        const expiresAt = Math.floor(value.at / 1000) + keptSeconds;
        writes.set(sort, { op: 'put', partition: ofProvider(value.provider), sort, value, expiresAt });
      }
      await commitAll(store, [...writes.values()]);
    },
  };
}

export type QuarantineRepository = ReturnType<typeof createQuarantineRepository>;
