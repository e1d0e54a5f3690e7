import { maxKeysPerRead, type Page, type Store, type Write } from '../storage/port.ts';
import { createDraftRepository } from './draft-repository.ts';
import type { Quarantined } from './quarantined.ts';
import type { Invoice, InvoiceHeader, InvoiceLine } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import { commitAll, pagesOf, readPages } from './line-pages.ts';
import type { PeriodKey } from './period.ts';
import type { Plan } from './plan.ts';
import type { Contract } from './contract.ts';
import type { ContractTotals, Settlement, SettlementHeader, SettlementLine } from './settlement.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** Keys: see docs/storage/billing.md. */
export function createBillingRepository(store: Store) {
  const planKey = (key: string) => ({ partition: 'plans', sort: key });
  const invoiceKey = (id: string) => ({ partition: `invoice#${id}`, sort: 'invoice' });
  const settlementKey = (id: string) => ({ partition: `settlement#${id}`, sort: 'settlement' });
  const totalsKey = (contract: string) => ({ partition: 'contract-totals', sort: contract });

  async function listed<T>(
    index: string,
    keyOf: (id: string) => { partition: string; sort: string },
    page: PageRequest,
    sortPrefix?: string,
  ): Promise<Page<T>> {
    const ids = await store.list<string>(index, {
      ...page,
      limit: Math.min(page.limit, maxKeysPerRead),
      ...(sortPrefix === undefined ? {} : { sortPrefix }),
    });
    const found = await store.getMany<T>(ids.items.map(({ value }) => keyOf(value)));
    const items = found.filter((record) => record !== undefined);
    return ids.cursor === undefined ? { items } : { items, cursor: ids.cursor };
  }

  const writeAll = (writes: readonly Write[]) => commitAll(store, writes);

  return {
    ...createDraftRepository(store),

    plan: async (key: string): Promise<Plan | undefined> => (await store.get<Plan>(planKey(key)))?.value,
    plans: (page: PageRequest): Promise<Page<Plan>> => store.list<Plan>('plans', page),
    insertPlan: (value: Plan): readonly Write[] => [{ op: 'putIfAbsent', ...planKey(value.key), value }],

    contracts: async (provider: string): Promise<readonly Contract[]> =>
      (await store.list<Contract>(`contracts#${provider}`, { limit: 1000 })).items.map(({ value }) => value),
    insertContract: (value: Contract): Write => ({
      op: 'putIfAbsent',
      partition: `contracts#${value.provider}`,
      sort: value.id,
      value,
    }),
    contractTotals: async (contract: string): Promise<ContractTotals | undefined> =>
      (await store.get<ContractTotals>(totalsKey(contract)))?.value,

    invoice: async (id: string): Promise<Invoice | undefined> => {
      const header = (await store.get<InvoiceHeader>(invoiceKey(id)))?.value;
      return header && { ...header, lines: await readPages<InvoiceLine>(store, `invoice-lines#${id}`) };
    },
    /** Without their lines. */
    invoices: (page: PageRequest, filter: { readonly tenant?: string; readonly period?: PeriodKey }) =>
      listed<InvoiceHeader>(
        filter.tenant === undefined ? 'invoices' : `invoices#${filter.tenant}`,
        invoiceKey,
        page,
        filter.period,
      ),
    /** Lines first; the header, which makes it an invoice, is written once and never again, and `alongside` with it. */
    saveInvoice: async ({ lines, ...header }: Invoice, alongside: readonly Write[]): Promise<void> => {
      await writeAll(pagesOf(`invoice-lines#${header.id}`, lines));
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
      listed<SettlementHeader>(
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
      await writeAll(pagesOf(`settlement-lines#${header.id}`, lines));
      await store.commit([
        { op: 'putIfAbsent', ...settlementKey(header.id), value: header satisfies SettlementHeader },
        ...['settlements', `settlements#${header.provider}`].map((partition): Write => ({
          op: 'put',
          partition,
          sort: `${header.period}#${header.provider}#${header.currency}`,
          value: header.id,
        })),
        ...(totals === undefined || header.contract === undefined
          ? []
          : [{ op: 'put', ...totalsKey(header.contract), value: totals } satisfies Write]),
        ...alongside,
      ]);
    },

    putJournal: (period: PeriodKey, entries: readonly JournalEntry[]): readonly Write[] =>
      entries.map((value, index) => ({
        op: 'put',
        partition: `journal#${period}`,
        sort: String(index).padStart(8, '0'),
        value,
      })),
    journal: (period: PeriodKey, page: PageRequest): Promise<Page<JournalEntry>> =>
      store.list<JournalEntry>(`journal#${period}`, page),

    invoiceSequence: async () =>
      store.get<{ readonly next: number }>({ partition: 'sequences', sort: 'invoice' }),
    advanceInvoiceSequence: (next: number, version: string | undefined): Write => {
      const place = { partition: 'sequences', sort: 'invoice', value: { next } };
      return version === undefined
        ? { op: 'putIfAbsent', ...place }
        : { op: 'putIfVersion', ...place, version };
    },

    quarantined: (provider: string, page: PageRequest) =>
      store.list<Quarantined>(`usage-quarantine#${provider}`, page),

    writeAll,
    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type BillingRepository = ReturnType<typeof createBillingRepository>;
