import type { BillingContext } from './deps.ts';
import type { InvoiceDraft } from './invoice.ts';
import type { PeriodKey } from './period.ts';
import { contractIn } from './set-contract.ts';
import {
  commissionOf,
  type ContractTotals,
  grossOf,
  linesByProvider,
  type Settlement,
  type SettlementDraft,
  settlementId,
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
  const settled: Settled[] = [];
  for (const { provider, currency, lines } of linesByProvider(drafts)) {
    const id = settlementId(period, provider, currency);
    const share = { id, period, provider, currency, lines, issuedAt };
    const draft = (await context.repository.settlementDraft(period, id)) ?? (await settle(context, share));
    settled.push({ settlement: { ...draft.header, lines }, totals: draft.totals });
  }
  return settled;
}

async function settle(
  context: BillingContext,
  {
    id,
    period,
    provider,
    currency,
    lines,
    issuedAt,
  }: Pick<Settlement, 'id' | 'period' | 'provider' | 'currency' | 'lines' | 'issuedAt'>,
): Promise<SettlementDraft> {
  const { repository } = context;
  const contract = contractIn(await repository.contracts(provider), currency, period);
  const gross = grossOf(lines);
  const before = contract === undefined ? undefined : await repository.contractTotals(contract.id);
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
  const commit = await repository.commit([repository.insertSettlementDraft(draft)]);
  // Of two closes that run at once, the first one's draft counts.
  return commit.ok ? draft : ((await repository.settlementDraft(period, id)) ?? draft);
}
