import { mapAtOnce } from './at-once.ts';
import type { BillingContext } from './deps.ts';
import type { InvoiceDraft } from './invoice.ts';
import type { PeriodKey } from './period.ts';
import {
  commissionOf,
  type ContractTotals,
  grossOf,
  type Settlement,
  type SettlementDraft,
  settlementId,
  type Share,
  sharesOf,
} from './settlement.ts';

export interface Settled {
  readonly settlement: Settlement;
  /** Of its contract, with this settlement. */
  readonly totals: ContractTotals | undefined;
}

/** What each provider gets of the period's invoices. Kept as drafts, so that a close that is resumed settles the same. */
export async function settlePeriod(
  context: BillingContext,
  period: PeriodKey,
  drafts: readonly InvoiceDraft[],
  issuedAt: number,
): Promise<readonly Settled[]> {
  const providers = [...new Set(drafts.flatMap(({ lines }) => lines.map(({ provider }) => provider)))];
  const contracts = new Map(
    await mapAtOnce(
      providers,
      async (provider) => [provider, await context.prices.allContracts(provider)] as const,
    ),
  );
  return mapAtOnce(sharesOf(drafts, contracts), async (share) => {
    const id = settlementId(period, share);
    const draft =
      (await context.drafts.findSettlement(period, id)) ??
      (await settle(context, { id, period, issuedAt, ...share }));
    return { settlement: { ...draft.header, lines: share.lines }, totals: draft.totals };
  });
}

async function settle(
  context: BillingContext,
  {
    id,
    period,
    issuedAt,
    provider,
    currency,
    contract,
    lines,
  }: Share & Pick<Settlement, 'id' | 'period' | 'issuedAt'>,
): Promise<SettlementDraft> {
  const gross = grossOf(lines);
  const before = contract === undefined ? undefined : await context.books.contractTotals(contract.id);
  const commission = contract === undefined ? 0n : commissionOf(gross, contract.commissionBps, before);
  const draft: SettlementDraft = {
    header: {
      id,
      provider,
      period,
      currency,
      ...(contract === undefined ? {} : { contract: contract.id }),
      commissionBps: contract?.commissionBps ?? 0,
      gross: gross.toString(),
      commission: commission.toString(),
      net: (gross - commission).toString(),
      issuedAt,
    },
    ...(contract === undefined
      ? {}
      : {
          totals: {
            gross: (gross + BigInt(before?.gross ?? '0')).toString(),
            commission: (commission + BigInt(before?.commission ?? '0')).toString(),
          },
        }),
  };
  if (await context.drafts.saveSettlement(draft)) return draft;
  // Of two closes that run at once, the first one's draft counts.
  return (await context.drafts.findSettlement(period, id)) ?? draft;
}
