import type { Store } from '../storage/port.ts';
import type { AccumulatorState } from './accumulate.ts';
import type { PeriodKey } from './period.ts';

/** All that was billed for one price in one charge period, so that what comes later is billed as the difference. */
export interface Billed {
  readonly total: AccumulatorState;
  /** Minor units, as a decimal integer. */
  readonly amount: string;
}

/** A line that is final, and the state in which it leaves its price. */
interface BilledLine extends Billed {
  /** Names the price within the tenant and charge period. */
  readonly key: string;
  readonly chargePeriod: PeriodKey;
}

/** Keys: see docs/storage/billing.md. */
export function createBilledRepository(store: Store) {
  const place = (tenant: string, chargePeriod: PeriodKey, key: string) => ({
    partition: `billed#${tenant}#${chargePeriod}`,
    sort: key,
  });

  return {
    find: async (tenant: string, chargePeriod: PeriodKey, key: string): Promise<Billed | undefined> =>
      (await store.get<Billed>(place(tenant, chargePeriod, key)))?.value,

    /**
     * Adds a line to what was billed for its price. A line that is in already changes nothing, also when it comes from a run of
     * a close that was overtaken long ago.
     */
    add: async (tenant: string, { chargePeriod, key, total, amount }: BilledLine): Promise<void> => {
      const at = place(tenant, chargePeriod, key);
      for (;;) {
        const before = await store.get<Billed>(at);
        if (before !== undefined && before.value.total.events >= total.events) return;
        const value: Billed = {
          total,
          amount: (BigInt(before?.value.amount ?? '0') + BigInt(amount)).toString(),
        };
        const commit = await store.commit([
          before === undefined
            ? { op: 'putIfAbsent', ...at, value }
            : { op: 'putIfVersion', ...at, version: before.version, value },
        ]);
        if (commit.ok) return;
      }
    },
  };
}

export type BilledRepository = ReturnType<typeof createBilledRepository>;
