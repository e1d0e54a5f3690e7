import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import type { Store, Write } from '../storage/port.ts';
import type { AccumulatorState } from './accumulate.ts';
import type { InvoiceLine } from './invoice.ts';
import { commitAll, pagesOf, readPages } from './line-pages.ts';
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

/** All that was billed for one price in one charge period, so that what comes later is billed as the difference. */
export interface Billed {
  readonly total: AccumulatorState;
  /** Minor units, as a decimal integer. */
  readonly amount: string;
}

/** `lines`: the digest under which the lines are. Two runs of a close may rate differently; the header says which one counts. */
type DraftHeader = Omit<TenantDraft, 'invoices'> & {
  readonly invoices: readonly { readonly currency: string; readonly lines: string }[];
};

/** What a close keeps on its way, so that one that was interrupted goes on with the same. */
export function createDraftRepository(store: Store) {
  const draftKey = (period: PeriodKey, tenant: string) => ({
    partition: `billing-draft#${period}`,
    sort: tenant,
  });
  const draftLines = (digest: string) => `billing-draft-lines#${digest}`;
  const billedKey = (tenant: string, chargePeriod: PeriodKey, key: string) => ({
    partition: `billed#${tenant}#${chargePeriod}`,
    sort: key,
  });

  return {
    draft: async (period: PeriodKey, tenant: string): Promise<TenantDraft | undefined> => {
      const header = (await store.get<DraftHeader>(draftKey(period, tenant)))?.value;
      if (header === undefined) return undefined;
      const invoices = [];
      for (const { currency, lines } of header.invoices)
        invoices.push({ currency, lines: await readPages<DraftLine>(store, draftLines(lines)) });
      return { ...header, invoices };
    },
    /** Lines first: the header says that all is there. Of two runs of a close, the first one's header stays. */
    saveDraft: async (period: PeriodKey, { invoices, ...rest }: TenantDraft): Promise<void> => {
      const headers = [];
      for (const { currency, lines } of invoices) {
        const digest = sha256(canonicalJson({ period, tenant: rest.tenant, currency, lines }));
        await commitAll(store, pagesOf(draftLines(digest), lines));
        headers.push({ currency, lines: digest });
      }
      const value: DraftHeader = { ...rest, invoices: headers };
      await store.commit([{ op: 'putIfAbsent', ...draftKey(period, rest.tenant), value }]);
    },
    billed: async (tenant: string, chargePeriod: PeriodKey, key: string): Promise<Billed | undefined> =>
      (await store.get<Billed>(billedKey(tenant, chargePeriod, key)))?.value,
    /**
     * Adds a line to what was billed for its price. A line that is in already changes nothing, also when it comes from a run of
     * a close that was overtaken long ago.
     */
    addBilled: async (tenant: string, { chargePeriod, key, total, amount }: DraftLine): Promise<void> => {
      const place = billedKey(tenant, chargePeriod, key);
      for (;;) {
        const before = await store.get<Billed>(place);
        if (before !== undefined && before.value.total.events >= total.events) return;
        const value: Billed = {
          total,
          amount: (BigInt(before?.value.amount ?? '0') + BigInt(amount)).toString(),
        };
        const commit = await store.commit([
          before === undefined
            ? { op: 'putIfAbsent', ...place, value }
            : { op: 'putIfVersion', ...place, version: before.version, value },
        ]);
        if (commit.ok) return;
      }
    },

    settlementDraft: async (period: PeriodKey, id: string): Promise<SettlementDraft | undefined> =>
      (await store.get<SettlementDraft>({ partition: `settlement-draft#${period}`, sort: id }))?.value,
    insertSettlementDraft: (value: SettlementDraft): Write => ({
      op: 'putIfAbsent',
      partition: `settlement-draft#${value.header.period}`,
      sort: value.header.id,
      value,
    }),
  };
}
