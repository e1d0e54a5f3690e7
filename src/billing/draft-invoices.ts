import { Fault } from '../kernel/fault.ts';
import type { BillingContext } from './deps.ts';
import type { TenantDraft } from './draft-repository.ts';
import type { InvoiceDraft } from './invoice.ts';
import { draftsOf } from './invoice-drafts.ts';
import { type PeriodKey, periodOf } from './period.ts';
import { postsTo } from './period-repository.ts';
import { rateTenant } from './rate-tenant.ts';

export interface DraftInvoices extends Pick<TenantDraft, 'unpriced' | 'unpricedCount'> {
  readonly period: PeriodKey;
  /** One for each currency. */
  readonly invoices: readonly InvoiceDraft[];
}

/**
 * What a tenant owes so far, rated as the close will; nothing is kept. Without a period: of the one to which usage posts now.
 * Throws `conflict` when the period's invoices are final, or are being made.
 */
export async function draftInvoices(
  context: BillingContext,
  tenant: string,
  asked: PeriodKey | undefined,
): Promise<DraftInvoices> {
  const period = asked ?? postsTo(periodOf(context.clock.now()), await context.periods.frontier());
  const { state } = await context.periods.state(period);
  if (state === 'closing' || state === 'closed')
    throw new Fault('conflict', `The books of ${period} are closed: its invoices are not drafts any more.`);
  const draft = await rateTenant(context, period, tenant);
  const { unpriced, unpricedCount } = draft;
  return { period, invoices: draftsOf(period, [draft]), unpriced, unpricedCount };
}
