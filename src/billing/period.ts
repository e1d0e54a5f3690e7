import { Fault } from '../kernel/fault.ts';
import type { BillingErrorCode } from './errors.ts';

/** A calendar month in UTC, `yyyy-mm`. */
export type PeriodKey = string;

/** Written when a close begins; a period without a record is open, unless a later one was closed over it. */
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

export type PeriodState = 'open' | 'grace' | PeriodRecord['state'];

export const maxUnpricedShown = 100;
const graceMs = 72 * 3_600_000;

export function periodOf(epochMs: number): PeriodKey {
  const date = new Date(epochMs);
  const month = date.getUTCMonth() + 1;
  return `${date.getUTCFullYear()}-${month < 10 ? '0' : ''}${month}`;
}

/** Epoch milliseconds of its first instant. */
export function periodStart(period: PeriodKey): number {
  return Date.parse(`${period}-01T00:00:00Z`);
}

/** Epoch milliseconds of the first instant after it. */
export function periodEnd(period: PeriodKey): number {
  return periodStart(nextPeriod(period));
}

/** So many months later; earlier when negative. */
export function nextPeriod(period: PeriodKey, months = 1): PeriodKey {
  const [year = 0, month = 1] = period.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 7);
}

/**
 * A period may be closed when it is over and late events have had their time; earlier only when that is asked for: then what
 * comes later posts to the next period. Throws `period_not_over`.
 */
export function requireOver(period: PeriodKey, now: number, early: boolean): void {
  if (now < periodStart(period))
    throw new Fault<BillingErrorCode>('period_not_over', `${period} has not begun.`);
  const due = periodEnd(period) + graceMs;
  if (early || now >= due) return;
  throw new Fault<BillingErrorCode>(
    'period_not_over',
    `${period} can be closed from ${new Date(due).toISOString()} on, when late events have had their time. ` +
      'To close it now, send {"early": true} (`--early` of the command): what comes later posts to the next period.',
  );
}
