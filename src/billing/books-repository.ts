import type { Page, Store, Write } from '../storage/port.ts';
import type { Invoice, InvoiceHeader, InvoiceLine } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import { commitAll, pagesOf, readPages } from './line-pages.ts';
import { listIndexed, type PageRequest } from './paging.ts';
import type { PeriodKey } from './period.ts';
import type { ContractTotals, Settlement, SettlementHeader, SettlementLine } from './settlement.ts';

/** What a close makes final. Keys: see docs/storage/billing.md. */
export function createBooksRepository(store: Store) {
  const invoiceKey = (id: string) => ({ partition: `invoice#${id}`, sort: 'invoice' });
  const settlementKey = (id: string) => ({ partition: `settlement#${id}`, sort: 'settlement' });
  const totalsKey = (contract: string) => ({ partition: 'contract-totals', sort: contract });
  const sequenceKey = { partition: 'sequences', sort: 'invoice' };

  return {
    invoice: async (id: string): Promise<Invoice | undefined> => {
      const header = (await store.get<InvoiceHeader>(invoiceKey(id)))?.value;
      return header && { ...header, lines: await readPages<InvoiceLine>(store, `invoice-lines#${id}`) };
    },
    /** Without their lines. */
    invoices: (page: PageRequest, filter: { readonly tenant?: string; readonly period?: PeriodKey }) =>
      listIndexed<InvoiceHeader>(
        store,
        filter.tenant === undefined ? 'invoices' : `invoices#${filter.tenant}`,
        invoiceKey,
        page,
        filter.period,
      ),
    /** Lines first; the header, which makes it an invoice, is written once and never again, and `alongside` with it. */
    saveInvoice: async ({ lines, ...header }: Invoice, alongside: readonly Write[]): Promise<void> => {
      await commitAll(store, pagesOf(`invoice-lines#${header.id}`, lines));
      const commit = await store.commit([
        { op: 'putIfAbsent', ...invoiceKey(header.id), value: header satisfies InvoiceHeader },
        ...['invoices', `invoices#${header.tenant}`].map((partition): Write => ({
          op: 'put',
          partition,
          sort: `${header.period}#${header.tenant}#${header.currency}`,
          value: header.id,
        })),
        ...alongside,
      ]);
      if (commit.ok) return;
      const before = (await store.get<InvoiceHeader>(invoiceKey(header.id)))?.value;
      if (before?.contentHash !== header.contentHash)
        throw new Error(`the invoice ${header.id} is final and would be another now`);
    },

    settlement: async (id: string): Promise<Settlement | undefined> => {
      const header = (await store.get<SettlementHeader>(settlementKey(id)))?.value;
      return header && { ...header, lines: await readPages<SettlementLine>(store, `settlement-lines#${id}`) };
    },
    /** Without their lines. */
    settlements: (page: PageRequest, filter: { readonly provider?: string; readonly period?: PeriodKey }) =>
      listIndexed<SettlementHeader>(
        store,
        filter.provider === undefined ? 'settlements' : `settlements#${filter.provider}`,
        settlementKey,
        page,
        filter.period,
      ),
    /**
     * Lines first; the header is written once, and with it the contract's totals and `alongside`: a run of a close that was
     * overtaken cannot take them back.
     */
    saveSettlement: async (
      { lines, ...header }: Settlement,
      totals: ContractTotals | undefined,
      alongside: readonly Write[],
    ): Promise<void> => {
      await commitAll(store, pagesOf(`settlement-lines#${header.id}`, lines));
      await store.commit([
        { op: 'putIfAbsent', ...settlementKey(header.id), value: header satisfies SettlementHeader },
        ...['settlements', `settlements#${header.provider}`].map((partition): Write => ({
          op: 'put',
          partition,
          sort: `${header.period}#${header.provider}#${header.currency}#${header.contract ?? ''}`,
          value: header.id,
        })),
        ...(totals === undefined || header.contract === undefined
          ? []
          : [{ op: 'put', ...totalsKey(header.contract), value: totals } satisfies Write]),
        ...alongside,
      ]);
    },
    contractTotals: async (contract: string): Promise<ContractTotals | undefined> =>
      (await store.get<ContractTotals>(totalsKey(contract)))?.value,

    saveJournal: (period: PeriodKey, entries: readonly JournalEntry[]): Promise<void> =>
      commitAll(
        store,
        entries.map((value, index) => ({
          op: 'put',
          partition: `journal#${period}`,
          sort: String(index).padStart(8, '0'),
          value,
        })),
      ),
    journal: (period: PeriodKey, page: PageRequest): Promise<Page<JournalEntry>> =>
      store.list<JournalEntry>(`journal#${period}`, page),

    invoiceSequence: () => store.get<{ readonly next: number }>(sequenceKey),
    advanceInvoiceSequence: (next: number, version: string | undefined): Write => {
      const place = { ...sequenceKey, value: { next } };
      return version === undefined
        ? { op: 'putIfAbsent', ...place }
        : { op: 'putIfVersion', ...place, version };
    },
  };
}

export type BooksRepository = ReturnType<typeof createBooksRepository>;
