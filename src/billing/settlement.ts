import { divideRounded } from '../kernel/decimal.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { type Contract, contractIn } from './contract.ts';
import { type InvoiceDraft, type InvoiceLine, sumOf } from './invoice.ts';
import type { PeriodKey } from './period.ts';

/** What a provider earned under one contract in a period, and what it is paid. Amounts are minor units, as decimal integers. */
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

/** What one statement is about. */
export interface Share {
  readonly provider: string;
  readonly currency: string;
  readonly contract: Contract | undefined;
  readonly lines: readonly SettlementLine[];
}

/** Known before the settlement exists, so that a close that is resumed makes the same one. */
export function settlementId(period: PeriodKey, { provider, currency, contract }: Share): string {
  return `stl_${sha256(lengthPrefixed(period, provider, currency, contract?.id ?? '')).slice(0, 26)}`;
}

/** Commission on everything so far, less what was taken already: rounded once, half a minor unit away from zero. */
export function commissionOf(gross: bigint, bps: number, before: ContractTotals | undefined): bigint {
  const cumulative = gross + BigInt(before?.gross ?? '0');
  return divideRounded(cumulative * BigInt(bps), 10_000n) - BigInt(before?.commission ?? '0');
}

/**
 * The lines of all invoices by provider, currency and contract, in order. A line belongs to the contract of the month that it is
 * for: a correction gives commission back at the rate at which it was taken.
 */
export function sharesOf(
  drafts: readonly InvoiceDraft[],
  contracts: ReadonlyMap<string, readonly Contract[]>,
): readonly Share[] {
  const shares = new Map<string, Share & { readonly lines: SettlementLine[] }>();
  for (const { tenant, currency, lines } of drafts)
    for (const { provider, agent, meter, chargePeriod, quantity, amount } of lines) {
      const contract = contractIn(contracts.get(provider) ?? [], currency, chargePeriod);
      const key = [provider, currency, contract?.id ?? ''].join(' ');
      const share = shares.get(key) ?? { provider, currency, contract, lines: [] };
      shares.set(key, share);
      share.lines.push({ tenant, agent, meter, chargePeriod, quantity, amount });
    }
  return [...shares.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
}

export function grossOf(lines: readonly SettlementLine[]): bigint {
  return sumOf(lines.map(({ amount }) => amount));
}
