import type { Clock } from '../kernel/clock.ts';
import type { Store, StoredRecord, Write } from '../storage/port.ts';
import { shardsOf } from '../storage/shards.ts';
import { nextPeriod, periodEnd, type PeriodKey, type PeriodRecord, type PeriodState } from './period.ts';

/**
 * Up to where the books are shut. Closes follow one another in the order of their months, so one month says it for all: it and
 * every month before it take nothing any more, whether they had usage or not.
 */
export interface Frontier {
  /** The last month whose close has begun. */
  readonly closedThrough: PeriodKey | undefined;
  /** Makes a commit fail when another close has begun since this was read: no fact slips into books that are being counted. */
  readonly guard: Write;
  /** Shuts the books up to this month; fails when another close has begun since this was read. */
  advance(to: PeriodKey): readonly Write[];
}

/** Keys: see docs/storage/billing.md. */
export interface Periods {
  read(period: PeriodKey): Promise<StoredRecord<PeriodRecord> | undefined>;
  /** Of a period, whether it has a record or not. */
  state(
    period: PeriodKey,
  ): Promise<{ readonly state: PeriodState; readonly record: PeriodRecord | undefined }>;
  /** Read for a commit about this key: which of its copies is read and guarded. */
  frontier(about?: string): Promise<Frontier>;
  insert(record: PeriodRecord): Write;
  replace(record: PeriodRecord, version: string): Write;
  /** Makes a commit fail when the record has changed since it was read. */
  requireUnchanged(record: StoredRecord<PeriodRecord>): Write;
}

/**
 * Every commit of usage checks the frontier, and DynamoDB lets only so many commits a second look at one record: so there are
 * copies, which are always written together and have the same version. Their number must never change: a new copy would let
 * usage into books that are shut.
 */
export const frontierCopies = shardsOf('billing-frontier', 64);

export function createPeriods(deps: { readonly store: Store; readonly clock: Clock }): Periods {
  const key = (period: PeriodKey) => ({ partition: `billing-period#${period}`, sort: 'period' });
  const frontierKey = (partition: string) => ({ partition, sort: 'frontier' });
  const read = (period: PeriodKey) => deps.store.get<PeriodRecord>(key(period));

  async function frontier(about = ''): Promise<Frontier> {
    const copy = frontierKey(frontierCopies.of(about));
    const record = await deps.store.get<{ readonly closedThrough: PeriodKey }>(copy);
    return {
      closedThrough: record?.value.closedThrough,
      guard: { op: 'check', ...copy, version: record?.version ?? null },
      advance: (to) =>
        frontierCopies.all.map((partition) => {
          const place = { ...frontierKey(partition), value: { closedThrough: to } };
          return record === undefined
            ? { op: 'putIfAbsent', ...place }
            : { op: 'putIfVersion', ...place, version: record.version };
        }),
    };
  }

  return {
    read,
    frontier,
    async state(period) {
      const record = (await read(period))?.value;
      if (record !== undefined) return { state: record.state, record };
      const { closedThrough } = await frontier();
      if (closedThrough !== undefined && period < closedThrough) return { state: 'closed', record };
      return { state: deps.clock.now() < periodEnd(period) ? 'open' : 'grace', record };
    },
    insert: (value) => ({ op: 'putIfAbsent', ...key(value.period), value }),
    requireUnchanged: ({ partition, sort, version }) => ({ op: 'check', partition, sort, version }),
    replace: (value, version) => ({ op: 'putIfVersion', ...key(value.period), version, value }),
  };
}

/** The period to which an event of this charge period posts: its own, or the first one that is open. */
export function postsTo(chargePeriod: PeriodKey, { closedThrough }: Frontier): PeriodKey {
  if (closedThrough === undefined || chargePeriod > closedThrough) return chargePeriod;
  return nextPeriod(closedThrough);
}
