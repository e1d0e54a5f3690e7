import type { Store, Write } from '../storage/port.ts';
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

const linesPerCommit = 50;

/** Keys: see docs/storage/billing.md. */
export function createBilledRepository(store: Store) {
  const place = (tenant: string, chargePeriod: PeriodKey, key: string) => ({
    partition: `billed#${tenant}#${chargePeriod}`,
    sort: key,
  });

  async function addSome(tenant: string, lines: readonly BilledLine[]): Promise<void> {
    for (;;) {
      const places = lines.map(({ chargePeriod, key }) => place(tenant, chargePeriod, key));
      const found = await store.getMany<Billed>(places);
      const writes = lines.flatMap(({ chargePeriod, key, total, amount }, index): readonly Write[] => {
        const before = found[index];
        if (before !== undefined && before.value.total.events >= total.events) return [];
        const sum = BigInt(before?.value.amount ?? '0') + BigInt(amount);
        const next = { ...place(tenant, chargePeriod, key), value: { total, amount: sum.toString() } };
        return [
          before === undefined
            ? { op: 'putIfAbsent', ...next }
            : { op: 'putIfVersion', ...next, version: before.version },
        ];
      });
      if (writes.length === 0 || (await store.commit(writes)).ok) return;
    }
  }

  return {
    find: async (tenant: string, chargePeriod: PeriodKey, key: string): Promise<Billed | undefined> =>
      (await store.get<Billed>(place(tenant, chargePeriod, key)))?.value,

    /**
     * Adds a tenant's lines to what was billed for their prices. A line that is in already changes nothing, also when it comes from a
     * run of a close that was overtaken long ago.
     */
    add: async (tenant: string, lines: readonly BilledLine[]): Promise<void> => {
      for (let start = 0; start < lines.length; start += linesPerCommit)
        await addSome(tenant, lines.slice(start, start + linesPerCommit));
    },
  };
}

export type BilledRepository = ReturnType<typeof createBilledRepository>;
