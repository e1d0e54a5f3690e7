import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { PeriodKey } from './period.ts';

/** One price of one agent in one charge period. */
export interface InvoiceLine {
  readonly provider: string;
  readonly agent: string;
  readonly plan: string;
  /** Place of the price in the plan. */
  readonly price: number;
  readonly meter: string;
  readonly unit: string;
  /** What the price is limited to. */
  readonly dimensions?: Readonly<Record<string, string>>;
  /** Earlier than the invoice's period for a correction: then the amount is the difference to what was billed before. */
  readonly chargePeriod: PeriodKey;
  /** Decimal; for a correction, all of the charge period so far. */
  readonly quantity: string;
  readonly events: number;
  /** Minor units, as a decimal integer. */
  readonly amount: string;
}

/** What a tenant owes for a period in one currency. Never changes once it has a number. */
export interface Invoice {
  readonly id: string;
  /** Gapless over all invoices of this broker. */
  readonly number: string;
  readonly tenant: string;
  readonly period: PeriodKey;
  readonly currency: string;
  readonly lines: readonly InvoiceLine[];
  /** Minor units, as a decimal integer: the sum of the lines. */
  readonly total: string;
  readonly issuedAt: number;
  /** SHA-256 over the canonical JSON of everything else, as the API shows it: whoever gets the invoice can check it. */
  readonly contentHash: string;
}

/** An invoice without its lines, as lists show it. */
export type InvoiceHeader = Omit<Invoice, 'lines'>;

export type InvoiceDraft = Pick<Invoice, 'id' | 'tenant' | 'period' | 'currency' | 'lines' | 'total'>;

/** Known before the invoice exists, so that a close that is resumed makes the same one. */
export function invoiceId(period: PeriodKey, tenant: string, currency: string): string {
  return `inv_${sha256(lengthPrefixed(period, tenant, currency)).slice(0, 26)}`;
}

/** Of minor units as decimal integers. */
export function sumOf(amounts: Iterable<string>): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += BigInt(amount);
  return sum;
}
