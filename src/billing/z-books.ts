import { z } from '@hono/zod-openapi';
import { instantSchema, pageQuerySchema, slugSchema } from '../api/schemas.ts';
import { periodSchema, unpricedSchema } from './z-period.ts';

const amountSchema = z
  .string()
  .openapi({ description: 'In the main unit of the currency', example: '41.50' });

const lineSchema = z.object({
  agent: z.string(),
  meter: z.string(),
  chargePeriod: z.string().openapi({
    description:
      'The month in which it was used. Earlier than the document’s: a correction, whose `amount` is the difference to before',
  }),
  quantity: z.string().openapi({ description: 'For a correction all of that month so far' }),
  amount: amountSchema,
});

export const invoiceHeaderSchema = z
  .object({
    id: z.string(),
    number: z.string().openapi({ description: 'Without a gap over all invoices', example: 'INV-000042' }),
    tenant: z.string(),
    period: z.string(),
    currency: z.string(),
    total: amountSchema.openapi({ description: 'Negative when corrections outweigh the rest: a credit' }),
    issuedAt: instantSchema,
    contentHash: z.string().openapi({
      description:
        'SHA-256, in base64url, of the canonical JSON (RFC 8785) of an object with the members id, number, tenant, period, ' +
        'currency, total, issuedAt and lines, as they are here',
    }),
  })
  .openapi('InvoiceSummary');

const invoiceLineSchema = lineSchema.extend({
  provider: z.string(),
  plan: z.string(),
  price: z.int().openapi({ description: 'Which of the plan’s prices, from 0' }),
  unit: z.string(),
  dimensions: z.record(z.string(), z.string()).optional(),
  events: z.int(),
});

export const invoiceSchema = invoiceHeaderSchema
  .extend({ lines: z.array(invoiceLineSchema) })
  .openapi('Invoice');

export const draftInvoicesSchema = z
  .object({
    period: z.string(),
    invoices: z
      .array(z.object({ currency: z.string(), total: amountSchema, lines: z.array(invoiceLineSchema) }))
      .openapi({ description: 'One for each currency' }),
    unpriced: z.array(unpricedSchema),
    unpricedCount: z.int(),
  })
  .openapi('DraftInvoices');

export const settlementHeaderSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    period: z.string(),
    currency: z.string(),
    contract: z.string().optional().openapi({ description: 'Absent: there was none, so no commission' }),
    commissionBps: z.int(),
    gross: amountSchema,
    commission: amountSchema,
    net: amountSchema,
    issuedAt: instantSchema,
  })
  .openapi('SettlementSummary');

export const settlementSchema = settlementHeaderSchema
  .extend({ lines: z.array(lineSchema.extend({ tenant: z.string() })) })
  .openapi('Settlement');

const ofPeriod = periodSchema.optional().openapi({ description: 'Of this month' });

export const invoiceQuerySchema = pageQuerySchema.extend({
  tenant: slugSchema.optional().openapi({ description: 'To this tenant' }),
  period: ofPeriod,
});
export const draftQuerySchema = z.object({ period: ofPeriod });
export const tenantInvoiceQuerySchema = invoiceQuerySchema.omit({ tenant: true });
export const settlementQuerySchema = pageQuerySchema.extend({
  provider: slugSchema.optional().openapi({ description: 'With this provider' }),
  period: ofPeriod,
});
