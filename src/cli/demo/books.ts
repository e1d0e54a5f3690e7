import { z } from 'zod';
import { type ApiClient, apiPath } from '../api-client.ts';
import { closeTimeoutMs } from '../billing.ts';
import { Failure } from '../failure.ts';

const periodSchema = z.object({
  period: z.string(),
  state: z.enum(['open', 'grace', 'closing', 'closed']),
  closingAt: z.string().optional(),
  tieOut: z
    .array(
      z.object({
        currency: z.string(),
        invoiced: z.string(),
        gross: z.string(),
        commission: z.string(),
        net: z.string(),
        ok: z.boolean(),
      }),
    )
    .default([]),
  /** Usage that no price covers. */
  unpriced: z.array(z.object({ tenant: z.string(), agent: z.string(), meter: z.string() })).default([]),
});
const lineSchema = z.object({
  provider: z.string(),
  agent: z.string(),
  meter: z.string(),
  chargePeriod: z.string(),
  quantity: z.string(),
  amount: z.string(),
});
const headerSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  total: z.string(),
  currency: z.string(),
});
const invoiceSchema = headerSchema.extend({ number: z.string(), lines: z.array(lineSchema) });
const settlementSchema = z.object({
  provider: z.string(),
  currency: z.string(),
  commissionBps: z.int(),
  gross: z.string(),
  commission: z.string(),
  net: z.string(),
});
const draftSchema = z.object({
  period: z.string(),
  invoices: z.array(z.object({ currency: z.string(), total: z.string(), lines: z.array(lineSchema) })),
});

export type Period = z.output<typeof periodSchema>;
export type InvoiceLine = z.output<typeof lineSchema>;
export type Invoice = z.output<typeof invoiceSchema>;
export type Settlement = z.output<typeof settlementSchema>;
export type Draft = z.output<typeof draftSchema>;

export interface Books {
  readonly period: Period;
  /** Closed just now, with this start's usage; otherwise by an earlier start in the same month. */
  readonly isNew: boolean;
  /** Of the tenant that asked. */
  readonly invoice: Invoice;
  /** Of all tenants: without lines. */
  readonly invoices: readonly z.output<typeof headerSchema>[];
  readonly settlements: readonly Settlement[];
  /** What came after the close, and so is on the next invoice. */
  readonly draft: Draft | undefined;
}

/**
 * Closes every month that has usage, up to the current one, early: its invoices and settlements become final. What an earlier
 * start closed in this month stays closed; what was used since is then shown as the draft of the next invoice
 * (docs/adr/0007-demo-closes-early.md).
 */
export async function closeBooks(api: ApiClient, tenant: string, month: string): Promise<Books> {
  const { body } = await api.request({ path: '/v1/billing/periods' });
  const known = z.object({ items: z.array(periodSchema) }).parse(body).items;
  const begun = known.filter(({ period }) => period <= month);
  let closed: Period | undefined;
  for (const { period } of begun.filter(({ state }) => state !== 'closed'))
    closed = periodSchema.parse(
      (
        await api.request({
          method: 'POST',
          path: apiPath('v1', 'billing', 'periods', period, 'close'),
          body: { early: true },
          timeoutMs: closeTimeoutMs,
        })
      ).body,
    );
  const period = closed ?? begun.at(-1);
  if (period === undefined) throw new Failure('failed', 'There is no month with usage to close.');
  const [forgotten] = period.unpriced.filter((one) => one.tenant === tenant);
  if (forgotten !== undefined)
    throw new Failure(
      'failed',
      `Nothing was billed for ${forgotten.meter} of ${forgotten.agent}: it has no price.`,
    );

  const invoices = await all(api, '/v1/invoices', period.period, headerSchema);
  const own = invoices.find((invoice) => invoice.tenant === tenant);
  if (own === undefined)
    throw new Failure('failed', `${period.period} was closed without an invoice for ${tenant}.`);
  return {
    period,
    isNew: closed !== undefined,
    invoice: invoiceSchema.parse((await api.request({ path: apiPath('v1', 'invoices', own.id) })).body),
    invoices,
    settlements: await all(api, '/v1/settlements', period.period, settlementSchema),
    draft: closed === undefined ? await draftOf(api, tenant) : undefined,
  };
}

async function draftOf(api: ApiClient, tenant: string): Promise<Draft> {
  const { body } = await api.request({ path: apiPath('v1', 'tenants', tenant, 'invoices', 'draft') });
  return draftSchema.parse(body);
}

async function all<T>(api: ApiClient, path: string, period: string, schema: z.ZodType<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of api.pages({ path, query: { period, limit: 200 } }))
    found.push(...page.map((item) => schema.parse(item)));
  return found;
}
