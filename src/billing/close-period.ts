import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { mapAtOnce } from './at-once.ts';
import { beginClose, type CloseOptions } from './begin-close.ts';
import type { BillingContext } from './deps.ts';
import type { TenantDraft } from './draft-repository.ts';
import type { BillingErrorCode } from './errors.ts';
import { finaliseInvoice } from './finalise-invoice.ts';
import { draftsOf } from './invoice-drafts.ts';
import { journalOf } from './journal.ts';
import {
  maxUnpricedShown,
  type PeriodKey,
  type PeriodOutcome,
  type PeriodRecord,
  type TieOut,
} from './period.ts';
import { rateTenant } from './rate-tenant.ts';
import { invoiceFinalised, settlementMade } from './report-books.ts';
import { settlePeriod } from './settle-period.ts';
import { tieOut } from './tie-out.ts';

/**
 * Closes a period: from its events to final invoices and settlements. Safe to interrupt anywhere and to repeat: each step is
 * kept and found again, and what is made carries the date at which the close began, so that the bytes are the same. Throws
 * `period_not_over`, `earlier_period_open`, `tie_out_failed`; after the last nothing more is made final.
 */
export async function closePeriod(
  context: BillingContext,
  period: PeriodKey,
  options: CloseOptions,
): Promise<PeriodRecord> {
  const begun = await beginClose(context, period, options);
  if (begun.state === 'closed') return begun;

  const tenantDrafts = await rateAll(context, period);
  const drafts = draftsOf(period, tenantDrafts);
  const settled = await settlePeriod(context, period, drafts, begun.closingAt);
  const settlements = settled.map(({ settlement }) => settlement);
  const journal = journalOf(drafts, settlements);
  const ties = tieOut(drafts, settlements, journal);
  if (ties.some(({ ok }) => !ok)) throw await unbalanced(context, period, options.by, ties);

  const firstNumber = await reserveNumbers(context, period, drafts.length);
  await mapAtOnce(drafts, async (draft, index) => {
    const invoice = finaliseInvoice(draft, firstNumber + index, begun.closingAt);
    await context.books.saveInvoice(invoice, await invoiceFinalised(context, invoice));
  });
  await mapAtOnce(tenantDrafts, ({ tenant, invoices }) =>
    context.billed.add(
      tenant,
      invoices.flatMap(({ lines }) => lines),
    ),
  );
  await mapAtOnce(settled, async ({ settlement, totals }) =>
    context.books.saveSettlement(settlement, totals, await settlementMade(context, settlement)),
  );
  await context.books.saveJournal(period, journal);
  return finish(context, period, options.by, {
    events: tenantDrafts.reduce((sum, { events }) => sum + events, 0),
    invoices: drafts.length,
    settlements: settlements.length,
    tieOut: ties,
    unpriced: tenantDrafts.flatMap(({ unpriced }) => unpriced).slice(0, maxUnpricedShown),
    unpricedCount: tenantDrafts.reduce((sum, { unpricedCount }) => sum + unpricedCount, 0),
  });
}

async function rateAll(context: BillingContext, period: PeriodKey): Promise<readonly TenantDraft[]> {
  const tenants: string[] = [];
  for await (const tenant of context.usage.tenants(period)) tenants.push(tenant);
  return mapAtOnce(tenants, async (tenant) => {
    const kept = await context.drafts.find(period, tenant);
    if (kept !== undefined) return kept;
    await context.drafts.save(period, await rateTenant(context, period, tenant));
    // Of two runs the first one's draft counts, so it is read back.
    const draft = await context.drafts.find(period, tenant);
    if (draft === undefined) throw new Error(`the draft of ${tenant} vanished`);
    return draft;
  });
}

/**
 * Somebody has to look: so it is in the log and in the audit. What was rated is dropped, for the next attempt must not rest
 * on it; unless invoices were made of it already (then what was kept has changed since).
 */
async function unbalanced(
  context: BillingContext,
  period: PeriodKey,
  by: Principal,
  ties: readonly TieOut[],
): Promise<Fault<BillingErrorCode>> {
  context.log.error({ period, tieOut: ties }, 'the books do not balance');
  await context.audit.record({
    action: 'period.close',
    outcome: 'refused',
    reason: 'tie_out_failed',
    actor: auditActor(by),
    detail: { period, currencies: ties.filter(({ ok }) => !ok).map(({ currency }) => currency) },
  });
  const record = await context.periods.read(period);
  const isUntouched = record !== undefined && record.value.firstNumber === undefined;
  if (isUntouched) await context.drafts.discard(period, context.periods.requireUnchanged(record));
  return new Fault<BillingErrorCode>(
    'tie_out_failed',
    `The books of ${period} do not balance; ${isUntouched ? 'nothing was made final' : 'the close has stopped'}.`,
    { detail: { period, tieOut: ties } },
  );
}

/** One commit moves the sequence and notes where this period begins in it, so that no number is lost or used twice. */
async function reserveNumbers(context: BillingContext, period: PeriodKey, count: number): Promise<number> {
  for (;;) {
    const record = await context.periods.read(period);
    if (record === undefined) throw new Error(`the period ${period} vanished`);
    if (record.value.firstNumber !== undefined) return record.value.firstNumber;
    const sequence = await context.books.invoiceSequence();
    const firstNumber = sequence?.value.next ?? 1;
    await context.store.commit([
      context.periods.replace({ ...record.value, firstNumber }, record.version),
      context.books.advanceInvoiceSequence(firstNumber + count, sequence?.version),
    ]);
  }
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
