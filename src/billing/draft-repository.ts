import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import { maxWritesPerCommit, type Store, type Write } from '../storage/port.ts';
import type { AccumulatorState } from './accumulate.ts';
import type { InvoiceLine } from './invoice.ts';
import { commitAll, pagesOf, readPages } from './line-pages.ts';
import { everything } from './paging.ts';
import type { PeriodKey, Unpriced } from './period.ts';
import type { SettlementDraft } from './settlement.ts';

/** A line before its invoice is final, with what later corrections go on from. */
export interface DraftLine extends InvoiceLine {
  /** Names the price within the tenant and charge period. */
  readonly key: string;
  readonly total: AccumulatorState;
}

/** What was rated for one tenant in a close: written once, so that a close that is resumed goes on with the same. */
export interface TenantDraft {
  readonly tenant: string;
  readonly events: number;
  readonly invoices: readonly { readonly currency: string; readonly lines: readonly DraftLine[] }[];
  readonly unpriced: readonly Unpriced[];
  readonly unpricedCount: number;
}

/** `lines`: the digest under which the lines are. Two runs of a close may rate differently; the header says which one counts. */
type DraftHeader = Omit<TenantDraft, 'invoices'> & {
  readonly invoices: readonly { readonly currency: string; readonly lines: string }[];
};

/** What a close keeps on its way, so that one that was interrupted goes on with the same. Keys: see docs/storage/billing.md. */
export function createDraftRepository(store: Store) {
  const tenantDrafts = (period: PeriodKey) => `billing-draft#${period}`;
  const settlementDrafts = (period: PeriodKey) => `settlement-draft#${period}`;
  const draftLines = (digest: string) => `billing-draft-lines#${digest}`;

  return {
    find: async (period: PeriodKey, tenant: string): Promise<TenantDraft | undefined> => {
      const place = { partition: tenantDrafts(period), sort: tenant };
      const header = (await store.get<DraftHeader>(place))?.value;
      if (header === undefined) return undefined;
      const invoices = [];
      for (const { currency, lines } of header.invoices)
        invoices.push({ currency, lines: await readPages<DraftLine>(store, draftLines(lines)) });
      return { ...header, invoices };
    },
    /** Lines first: the header says that all is there. Of two runs of a close, the first one's header stays. */
    save: async (period: PeriodKey, { invoices, ...rest }: TenantDraft): Promise<void> => {
      const headers = [];
      for (const { currency, lines } of invoices) {
        const digest = sha256(canonicalJson({ period, tenant: rest.tenant, currency, lines }));
        await commitAll(store, pagesOf(draftLines(digest), lines));
        headers.push({ currency, lines: digest });
      }
      const value: DraftHeader = { ...rest, invoices: headers };
      await store.commit([{ op: 'putIfAbsent', partition: tenantDrafts(period), sort: rest.tenant, value }]);
    },

    findSettlement: async (period: PeriodKey, id: string): Promise<SettlementDraft | undefined> =>
      (await store.get<SettlementDraft>({ partition: settlementDrafts(period), sort: id }))?.value,
    /** Of two runs of a close, the first one's stays: `false` to the other one. */
    saveSettlement: async (value: SettlementDraft): Promise<boolean> => {
      const place = { partition: settlementDrafts(value.header.period), sort: value.header.id };
      return (await store.commit([{ op: 'putIfAbsent', ...place, value }])).ok;
    },

    /** Forgets what was rated, as long as `guard` holds. */
    discard: async (period: PeriodKey, guard: Write): Promise<void> => {
      const deletes: Write[] = [];
      for (const partition of [tenantDrafts(period), settlementDrafts(period)])
        for await (const { sort } of everything<unknown>(store, partition))
          deletes.push({ op: 'delete', partition, sort });
      const perCommit = maxWritesPerCommit - 1;
      for (let start = 0; start < deletes.length; start += perCommit)
        await store.commit([guard, ...deletes.slice(start, start + perCommit)]);
    },
  };
}

export type DraftRepository = ReturnType<typeof createDraftRepository>;
