import { Fault } from '../kernel/fault.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store, StoredRecord, Write } from '../storage/port.ts';

/** A calendar month in UTC, `yyyy-mm`. */
export type PeriodKey = string;

/** Written when a close begins; a period without a record is open. */
export interface PeriodRecord {
  readonly period: PeriodKey;
  readonly state: 'closing' | 'closed';
  /** When the close began: the date of everything that it makes, also when it is resumed later. */
  readonly closingAt: number;
  /** Set once the number of invoices is known: they are numbered from here without a gap. */
  readonly firstNumber?: number;
  readonly outcome?: PeriodOutcome;
}

export interface PeriodOutcome {
  readonly closedAt: number;
  readonly events: number;
  readonly invoices: number;
  readonly settlements: number;
  readonly tieOut: readonly TieOut[];
  /** Usage that no price covers; at most {@link maxUnpricedShown}, of `unpricedCount`. */
  readonly unpriced: readonly Unpriced[];
  readonly unpricedCount: number;
}

/** Minor units as decimal integers. `ok`: all sums agree. */
export interface TieOut {
  readonly currency: string;
  readonly invoiced: string;
  readonly gross: string;
  readonly commission: string;
  readonly net: string;
  readonly journal: string;
  readonly ok: boolean;
}

export interface Unpriced {
  readonly tenant: string;
  readonly agent: string;
  readonly meter: string;
  readonly quantity: string;
  readonly reason: 'no_plan' | 'no_price';
}

export const maxUnpricedShown = 100;
const graceMs = 72 * 3_600_000;

export type PeriodState = 'open' | 'grace' | PeriodRecord['state'];

export interface Periods {
  read(period: PeriodKey): Promise<StoredRecord<PeriodRecord> | undefined>;
  /** Of a period, whether it has a record or not. */
  state(
    period: PeriodKey,
  ): Promise<{ readonly state: PeriodState; readonly record: PeriodRecord | undefined }>;
  /**
   * The period to which an event of this charge period posts now: its own, or the next open one; and the write that makes a
   * commit fail when a close has begun meanwhile, so that no event slips into a period that is being counted.
   */
  openFor(chargePeriod: PeriodKey): Promise<{ readonly period: PeriodKey; readonly guard: Write }>;
  insert(record: PeriodRecord): Write;
  replace(record: PeriodRecord, version: string): Write;
}

export function createPeriods(deps: { readonly store: Store; readonly clock: Clock }): Periods {
  const key = (period: PeriodKey) => ({ partition: `billing-period#${period}`, sort: 'period' });
  const read = (period: PeriodKey) => deps.store.get<PeriodRecord>(key(period));

  return {
    read,
    async state(period) {
      const record = (await read(period))?.value;
      if (record !== undefined) return { state: record.state, record };
      return { state: deps.clock.now() < periodEnd(period) ? 'open' : 'grace', record };
    },
    async openFor(chargePeriod) {
      let period = chargePeriod;
      while ((await read(period)) !== undefined) period = nextPeriod(period);
      return { period, guard: { op: 'check', ...key(period), version: null } };
    },
    insert: (value) => ({ op: 'putIfAbsent', ...key(value.period), value }),
    replace: (value, version) => ({ op: 'putIfVersion', ...key(value.period), version, value }),
  };
}

export function periodOf(epochMs: number): PeriodKey {
  return new Date(epochMs).toISOString().slice(0, 7);
}

/** Epoch milliseconds of its first instant. */
export function periodStart(period: PeriodKey): number {
  return Date.parse(`${period}-01T00:00:00Z`);
}

/** Epoch milliseconds of the first instant after it. */
export function periodEnd(period: PeriodKey): number {
  return periodStart(nextPeriod(period));
}

export function nextPeriod(period: PeriodKey, months = 1): PeriodKey {
  const [year = 0, month = 1] = period.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 7);
}

/**
 * A period may be closed when it is over and late events have had their time; earlier only when that is asked for: then what
 * comes later posts to the next period. Throws `period_not_over`.
 */
export function requireOver(period: PeriodKey, now: number, early: boolean): void {
  if (now < periodStart(period)) throw new Fault('period_not_over', `${period} has not begun.`);
  const due = periodEnd(period) + graceMs;
  if (early || now >= due) return;
  throw new Fault(
    'period_not_over',
    `${period} can be closed from ${new Date(due).toISOString()} on, when late events have had their time. ` +
      'To close it now, send {"early": true}: what comes later posts to the next period.',
  );
}
