import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { BillingContext } from './deps.ts';
import type { TenantDraft } from './draft-repository.ts';
import type { BillingErrorCode } from './errors.ts';
import { finalise, type InvoiceDraft, invoiceId, sumOf } from './invoice.ts';
import { journalOf } from './journal.ts';
import {
  maxUnpricedShown,
  type PeriodKey,
  type PeriodOutcome,
  type PeriodRecord,
  requireOver,
} from './period.ts';
import { rateTenant } from './rate-tenant.ts';
import { invoiceFinalised, settlementMade } from './report-books.ts';
import { settlePeriod } from './settle-period.ts';
import { tieOut } from './tie-out.ts';

/**
 * Closes a period: from its events to final invoices and settlements. Safe to interrupt anywhere and to repeat: each step is
 * kept and found again, and what is made carries the date at which the close began, so that the bytes are the same. Throws
 * `period_not_over`, `earlier_period_open`, `tie_out_failed`; after the last nothing is final.
 */
export async function closePeriod(
  context: BillingContext,
  period: PeriodKey,
  options: { readonly early: boolean; readonly by: Principal },
): Promise<PeriodRecord> {
  const begun = await begin(context, period, options);
  if (begun.state === 'closed') return begun;

  const tenantDrafts = await rateAll(context, period);
  const drafts = draftsOf(period, tenantDrafts);
  const settled = await settlePeriod(context, period, drafts, begun.closingAt);
  const settlements = settled.map(({ settlement }) => settlement);
  const journal = journalOf(drafts, settlements);
  const ties = tieOut(drafts, settlements, journal);
  if (ties.some(({ ok }) => !ok))
    throw new Fault<BillingErrorCode>(
      'tie_out_failed',
      `The books of ${period} do not balance; nothing was made final.`,
      {
        detail: { period, tieOut: ties },
      },
    );

  const firstNumber = await reserveNumbers(context, period, drafts.length);
  await writeInvoices(context, drafts, firstNumber, begun.closingAt);
  await writeBilled(context, tenantDrafts);
  for (const { settlement, totals } of settled)
    await context.repository.saveSettlement(settlement, totals, await settlementMade(context, settlement));
  await context.repository.writeAll(context.repository.putJournal(period, journal));
  return finish(context, period, options.by, {
    closedAt: begun.closingAt,
    events: tenantDrafts.reduce((sum, { events }) => sum + events, 0),
    invoices: drafts.length,
    settlements: settlements.length,
    tieOut: ties,
    unpriced: tenantDrafts.flatMap(({ unpriced }) => unpriced).slice(0, maxUnpricedShown),
    unpricedCount: tenantDrafts.reduce((sum, { unpricedCount }) => sum + unpricedCount, 0),
  });
}

/** From here on nothing posts to the period any more. */
async function begin(
  context: BillingContext,
  period: PeriodKey,
  { early, by }: { readonly early: boolean; readonly by: Principal },
): Promise<PeriodRecord> {
  const existing = (await context.periods.read(period))?.value;
  if (existing !== undefined) return existing;
  const closingAt = context.clock.now();
  requireOver(period, closingAt, early);
  await requireEarlierClosed(context, period);
  const record: PeriodRecord = { period, state: 'closing', closingAt };
  const commit = await context.store.commit([
    context.periods.insert(record),
    ...context.audit.writes({
      action: 'period.close.begin',
      outcome: 'allowed',
      actor: auditActor(by),
      detail: { period, early },
    }),
    ...(await context.events.writes('period.closing.v1', { period })),
  ]);
  return commit.ok ? record : begin(context, period, { early, by });
}

/** Commission and corrections build on what was settled before, so months are closed in their order. */
async function requireEarlierClosed(context: BillingContext, period: PeriodKey): Promise<void> {
  for (const earlier of await context.ledger.periods()) {
    if (earlier >= period) return;
    if ((await context.periods.state(earlier)).state !== 'closed')
      throw new Fault<BillingErrorCode>('earlier_period_open', `Close ${earlier} first.`);
  }
}

async function rateAll(context: BillingContext, period: PeriodKey): Promise<readonly TenantDraft[]> {
  const drafts: TenantDraft[] = [];
  for await (const tenant of context.ledger.tenants(period)) {
    let draft = await context.repository.draft(period, tenant);
    if (draft === undefined) {
      await context.repository.saveDraft(period, await rateTenant(context, period, tenant));
      draft = await context.repository.draft(period, tenant);
    }
    if (draft === undefined) throw new Error(`the draft of ${tenant} vanished`);
    drafts.push(draft);
  }
  return drafts;
}

/** In the order in which they are numbered. */
export function draftsOf(period: PeriodKey, tenantDrafts: readonly TenantDraft[]): readonly InvoiceDraft[] {
  return tenantDrafts.flatMap(({ tenant, invoices }) =>
    invoices.map(({ currency, lines }) => ({
      id: invoiceId(period, tenant, currency),
      tenant,
      period,
      currency,
      lines: lines.map(({ key: _, total: __, ...line }) => line),
      total: sumOf(lines.map(({ amount }) => amount)).toString(),
    })),
  );
}

/** One commit moves the sequence and notes where this period begins in it, so that no number is lost or used twice. */
async function reserveNumbers(context: BillingContext, period: PeriodKey, count: number): Promise<number> {
  for (;;) {
    const record = await context.periods.read(period);
    if (record === undefined) throw new Error(`the period ${period} vanished`);
    if (record.value.firstNumber !== undefined) return record.value.firstNumber;
    const sequence = await context.repository.invoiceSequence();
    const firstNumber = sequence?.value.next ?? 1;
    await context.store.commit([
      context.periods.replace({ ...record.value, firstNumber }, record.version),
      context.repository.advanceInvoiceSequence(firstNumber + count, sequence?.version),
    ]);
  }
}

async function writeInvoices(
  context: BillingContext,
  drafts: readonly InvoiceDraft[],
  firstNumber: number,
  issuedAt: number,
): Promise<void> {
  for (const [index, draft] of drafts.entries()) {
    const invoice = finalise(draft, firstNumber + index, issuedAt);
    await context.repository.saveInvoice(invoice, await invoiceFinalised(context, invoice));
  }
}

async function writeBilled(context: BillingContext, drafts: readonly TenantDraft[]): Promise<void> {
  for (const { tenant, invoices } of drafts)
    for (const { lines } of invoices)
      for (const line of lines) await context.repository.addBilled(tenant, line);
}

async function finish(
  context: BillingContext,
  period: PeriodKey,
  by: Principal,
  outcome: PeriodOutcome,
): Promise<PeriodRecord> {
  const record = await context.periods.read(period);
  if (record === undefined) throw new Error(`the period ${period} vanished`);
  if (record.value.state === 'closed') return record.value;
  const closed: PeriodRecord = { ...record.value, state: 'closed', outcome };
  const commit = await context.store.commit([
    context.periods.replace(closed, record.version),
    ...context.audit.writes({
      action: 'period.close',
      outcome: 'allowed',
      actor: auditActor(by),
      detail: { period, invoices: outcome.invoices, settlements: outcome.settlements },
    }),
    ...(await context.events.writes('period.closed.v1', {
      period,
      invoices: outcome.invoices,
      settlements: outcome.settlements,
    })),
  ]);
  return commit.ok ? closed : finish(context, period, by, outcome);
}
