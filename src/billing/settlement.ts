import { divideRounded } from '../kernel/decimal.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { type InvoiceDraft, type InvoiceLine, sumOf } from './invoice.ts';
import type { PeriodKey } from './period.ts';

/** What a provider earned in a period in one currency, and what it is paid. Amounts are minor units, as decimal integers. */
export interface Settlement {
  readonly id: string;
  readonly provider: string;
  readonly period: PeriodKey;
  readonly currency: string;
  /** Absent: no contract, so no commission. */
  readonly contract?: string;
  readonly commissionBps: number;
  readonly lines: readonly SettlementLine[];
  readonly gross: string;
  readonly commission: string;
  readonly net: string;
  readonly issuedAt: number;
}

/** A settlement without its lines, as lists show it. */
export type SettlementHeader = Omit<Settlement, 'lines'>;

/** `totals`: of the contract with this settlement, so that they are written as they are, once or twice. */
export interface SettlementDraft {
  readonly header: SettlementHeader;
  readonly totals?: ContractTotals;
}

/** The share of one invoice line that is this provider's: all of it. */
export type SettlementLine = Pick<InvoiceLine, 'agent' | 'meter' | 'chargePeriod' | 'quantity' | 'amount'> & {
  readonly tenant: string;
};

/** What was settled under a contract so far. Commission is taken on the sum, so that many small amounts do not each round. */
export interface ContractTotals {
  readonly gross: string;
  readonly commission: string;
}

export function settlementId(period: PeriodKey, provider: string, currency: string): string {
  return `stl_${sha256(lengthPrefixed(period, provider, currency)).slice(0, 26)}`;
}

/** Commission on everything so far, less what was taken already: half a minor unit goes up. */
export function commissionOf(gross: bigint, bps: number, before: ContractTotals | undefined): bigint {
  const cumulative = gross + BigInt(before?.gross ?? '0');
  return divideRounded(cumulative * BigInt(bps), 10_000n) - BigInt(before?.commission ?? '0');
}

/** Each provider's lines of all invoices, by provider and currency, in order. */
export function linesByProvider(drafts: readonly InvoiceDraft[]): readonly {
  readonly provider: string;
  readonly currency: string;
  readonly lines: readonly SettlementLine[];
}[] {
  const groups = new Map<string, { provider: string; currency: string; lines: SettlementLine[] }>();
  for (const { tenant, currency, lines } of drafts)
    for (const { provider, agent, meter, chargePeriod, quantity, amount } of lines) {
      const key = `${provider} ${currency}`;
      const group = groups.get(key) ?? { provider, currency, lines: [] };
      groups.set(key, group);
      group.lines.push({ tenant, agent, meter, chargePeriod, quantity, amount });
    }
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

export function grossOf(lines: readonly SettlementLine[]): bigint {
  return sumOf(lines.map(({ amount }) => amount));
}
