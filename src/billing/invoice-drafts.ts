import type { TenantDraft } from './draft-repository.ts';
import { type InvoiceDraft, invoiceId, sumOf } from './invoice.ts';
import type { PeriodKey } from './period.ts';

/** The invoices of what was rated, in the order in which a close numbers them. */
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
