import { instant } from '../api/present.ts';
import type { DraftInvoices } from './draft-invoices.ts';
import type { Invoice, InvoiceHeader, InvoiceLine } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import { formatAmount } from './money.ts';
import type { PeriodRecord, PeriodState } from './period.ts';
import type { Settlement, SettlementHeader } from './settlement.ts';

/** On the wire amounts are decimal strings in the main unit of their currency. */
function amount(minor: string, currency: string): string {
  return formatAmount(BigInt(minor), currency);
}

export function presentPeriod(period: string, state: PeriodState, record: PeriodRecord | undefined) {
  const outcome = record?.outcome;
  return {
    period,
    state,
    ...(record === undefined ? {} : { closingAt: instant(record.closingAt) }),
    ...(outcome === undefined
      ? {}
      : {
          events: outcome.events,
          invoices: outcome.invoices,
          settlements: outcome.settlements,
          tieOut: outcome.tieOut.map(({ currency, invoiced, gross, commission, net, ok }) => ({
            currency,
            invoiced: amount(invoiced, currency),
            gross: amount(gross, currency),
            commission: amount(commission, currency),
            net: amount(net, currency),
            ok,
          })),
          unpriced: [...outcome.unpriced],
          unpricedCount: outcome.unpricedCount,
        }),
  };
}

export function presentInvoiceHeader({ total, issuedAt, ...rest }: InvoiceHeader) {
  return { ...rest, total: amount(total, rest.currency), issuedAt: instant(issuedAt) };
}

export function presentInvoice({ contentHash, ...content }: Invoice) {
  return { ...presentInvoiceContent(content), contentHash };
}

/** All that the content hash is over. What is added later belongs beside it, or the hashes of old invoices would not hold. */
export function presentInvoiceContent(invoice: Omit<Invoice, 'contentHash'>) {
  const { id, number, tenant, period, currency, total, issuedAt, lines } = invoice;
  return {
    id,
    number,
    tenant,
    period,
    currency,
    total: amount(total, currency),
    issuedAt: instant(issuedAt),
    lines: lines.map((line) => presentLine(line, currency)),
  };
}

export function presentDraftInvoices({ period, invoices, unpriced, unpricedCount }: DraftInvoices) {
  return {
    period,
    invoices: invoices.map(({ currency, total, lines }) => ({
      currency,
      total: amount(total, currency),
      lines: lines.map((line) => presentLine(line, currency)),
    })),
    unpriced: [...unpriced],
    unpricedCount,
  };
}

function presentLine({ amount: minor, dimensions, ...line }: InvoiceLine, currency: string) {
  return {
    ...line,
    ...(dimensions === undefined ? {} : { dimensions: { ...dimensions } }),
    amount: amount(minor, currency),
  };
}

export function presentSettlementHeader({ gross, commission, net, issuedAt, ...rest }: SettlementHeader) {
  return {
    ...rest,
    gross: amount(gross, rest.currency),
    commission: amount(commission, rest.currency),
    net: amount(net, rest.currency),
    issuedAt: instant(issuedAt),
  };
}

export function presentSettlement({ lines, ...header }: Settlement) {
  return {
    ...presentSettlementHeader(header),
    lines: lines.map(({ amount: minor, ...line }) => ({ ...line, amount: amount(minor, header.currency) })),
  };
}

export function presentJournalEntry({ amount: minor, ...entry }: JournalEntry) {
  return { ...entry, amount: amount(minor, entry.currency) };
}
