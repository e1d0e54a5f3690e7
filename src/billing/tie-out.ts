import { type InvoiceDraft, sumOf } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import type { TieOut } from './period.ts';
import type { Settlement } from './settlement.ts';

/**
 * Per currency: what tenants are invoiced is what providers grossed, is what they are paid plus the commission; lines add up to
 * their invoices; and the journal sums to zero. Checked on every close before anything becomes final.
 */
export function tieOut(
  drafts: readonly InvoiceDraft[],
  settlements: readonly Settlement[],
  journal: readonly JournalEntry[],
): readonly TieOut[] {
  const currencies = [...new Set([...drafts, ...settlements].map(({ currency }) => currency))].toSorted();
  return currencies.map((currency) => {
    const isOurs = <T extends { readonly currency: string }>(items: readonly T[]) =>
      items.filter((item) => item.currency === currency);
    const ours = isOurs(drafts);
    const settled = isOurs(settlements);
    const invoiced = sumOf(ours.map(({ total }) => total));
    const lines = sumOf(ours.flatMap((draft) => draft.lines.map(({ amount }) => amount)));
    const leaves = sumOf(settled.flatMap((statement) => statement.lines.map(({ amount }) => amount)));
    const gross = sumOf(settled.map((statement) => statement.gross));
    const commission = sumOf(settled.map((statement) => statement.commission));
    const net = sumOf(settled.map((statement) => statement.net));
    const balance = sumOf(isOurs(journal).map(({ amount }) => amount));
    return {
      currency,
      invoiced: invoiced.toString(),
      gross: gross.toString(),
      commission: commission.toString(),
      net: net.toString(),
      journal: balance.toString(),
      ok:
        invoiced === lines &&
        invoiced === leaves &&
        invoiced === gross &&
        gross === net + commission &&
        balance === 0n,
    };
  });
}
