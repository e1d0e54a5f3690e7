import type { InvoiceDraft } from './invoice.ts';
import type { Settlement } from './settlement.ts';

/** Double entry: debits are positive, credits negative, and the entries of a close sum to zero per currency. */
export interface JournalEntry {
  readonly account: string;
  readonly currency: string;
  /** Minor units, as a signed decimal integer. */
  readonly amount: string;
  /** The invoice or settlement that it comes from. */
  readonly document: string;
}

/** Tenants owe what is invoiced; providers are owed net; the operator earned the commission. */
export function journalOf(
  drafts: readonly InvoiceDraft[],
  settlements: readonly Settlement[],
): readonly JournalEntry[] {
  return [
    ...drafts.map(({ id, tenant, currency, total }) => ({
      account: `receivable:tenant:${tenant}`,
      currency,
      amount: total,
      document: id,
    })),
    ...settlements.flatMap(({ id, provider, currency, net, commission }) => [
      { account: `payable:provider:${provider}`, currency, amount: (-BigInt(net)).toString(), document: id },
      { account: 'revenue:commission', currency, amount: (-BigInt(commission)).toString(), document: id },
    ]),
  ];
}
