import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, pageQuerySchema, slugSchema } from '../api/schemas.ts';
import { nameSchema, namedValues } from './z-named-values.ts';
import { eventResultSchema, usageEventSchema } from './z-usage-event.ts';
import { groupings, windows } from './usage-view.ts';

export const periodSchema = z
  .string()
  .regex(/^20\d\d-(?:0[1-9]|1[0-2])$/, 'must be a month such as 2026-01')
  .openapi({ example: '2026-01' });

const amountSchema = z.string().max(40).openapi({ description: 'A decimal string', example: '0.0025' });
const currencySchema = z
  .string()
  .regex(/^[A-Z]{3}$/, 'must be three capital letters of ISO 4217')
  .openapi({ example: 'EUR' });

const meterMembers = {
  key: nameSchema,
  aggregation: z.enum(['sum', 'count', 'max', 'latest']),
  unit: z.string().trim().min(1).max(32),
};

export const meterSchema = z
  .strictObject({
    ...meterMembers,
    authority: z.enum(['broker', 'provider']).openapi({ description: 'Whose word counts' }),
  })
  .openapi('Meter');

/** The broker's own meters are built in; people define those on which providers report. */
export const newMeterSchema = z.strictObject({
  ...meterMembers,
  authority: z.literal('provider').default('provider'),
});

const whereSchema = namedValues(z.string().max(128), 10);

const priceSchema = z.discriminatedUnion('model', [
  z.strictObject({
    meter: nameSchema,
    model: z.literal('per_unit'),
    unitAmount: amountSchema,
    where: whereSchema.optional(),
  }),
  z.strictObject({
    meter: nameSchema,
    model: z.literal('graduated'),
    tiers: z
      .array(z.strictObject({ upTo: amountSchema.optional(), unitAmount: amountSchema }))
      .min(1)
      .max(50),
    where: whereSchema.optional(),
  }),
]);

export const newPlanSchema = z.strictObject({
  key: slugSchema,
  currency: currencySchema,
  prices: z.array(priceSchema).min(1).max(100),
});

export const planSchema = z
  .object({ key: z.string(), currency: z.string(), prices: z.array(priceSchema), createdAt: instantSchema })
  .openapi('Plan');

export const newContractSchema = z.strictObject({
  commissionBps: z.int().min(0).max(10_000).openapi({ description: 'Basis points: 1500 is 15 %' }),
  currency: currencySchema,
  from: periodSchema.openapi({ description: 'First month' }),
});

export const contractSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    currency: z.string(),
    commissionBps: z.int(),
    from: z.string(),
    createdAt: instantSchema,
  })
  .openapi('Contract');

const tieOutSchema = z.object({
  currency: z.string(),
  invoiced: z.string(),
  gross: z.string(),
  commission: z.string(),
  net: z.string(),
  ok: z.boolean(),
});

export const periodAnswerSchema = z
  .object({
    period: z.string(),
    state: z.enum(['open', 'grace', 'closing', 'closed']),
    closingAt: instantSchema.optional(),
    events: z.int().optional(),
    invoices: z.int().optional(),
    settlements: z.int().optional(),
    tieOut: z.array(tieOutSchema).optional(),
    unpriced: z
      .array(
        z.object({
          tenant: z.string(),
          agent: z.string(),
          meter: z.string(),
          quantity: z.string(),
          reason: z.enum(['no_plan', 'no_price']),
        }),
      )
      .optional(),
    unpricedCount: z.int().optional(),
  })
  .openapi('BillingPeriod');

export const closeSchema = z.strictObject({
  early: z.boolean().default(false).openapi({
    description: 'Close before the month and its grace are over; what comes later posts to the next',
  }),
});

const lineSchema = z.object({
  agent: z.string(),
  meter: z.string(),
  chargePeriod: z.string(),
  quantity: z.string(),
  amount: z.string().openapi({ description: 'In the main unit of the currency' }),
});

export const invoiceHeaderSchema = z
  .object({
    id: z.string(),
    number: z.string(),
    tenant: z.string(),
    period: z.string(),
    currency: z.string(),
    total: z.string(),
    issuedAt: instantSchema,
    contentHash: z.string(),
  })
  .openapi('InvoiceSummary');

export const invoiceSchema = invoiceHeaderSchema
  .extend({
    lines: z.array(
      lineSchema.extend({
        provider: z.string(),
        plan: z.string(),
        unit: z.string(),
        dimensions: z.record(z.string(), z.string()).optional(),
        events: z.int(),
      }),
    ),
  })
  .openapi('Invoice');

export const settlementHeaderSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    period: z.string(),
    currency: z.string(),
    contract: z.string().optional(),
    commissionBps: z.int(),
    gross: z.string(),
    commission: z.string(),
    net: z.string(),
    issuedAt: instantSchema,
  })
  .openapi('SettlementSummary');

export const settlementSchema = settlementHeaderSchema
  .extend({ lines: z.array(lineSchema.extend({ tenant: z.string() })) })
  .openapi('Settlement');

export const journalEntrySchema = z
  .object({ account: z.string(), currency: z.string(), amount: z.string(), document: z.string() })
  .openapi('JournalEntry');

const usageFilter = {
  agent: agentIdSchema.optional().openapi({ description: 'Only this agent', example: 'skyways/flights' }),
  meter: nameSchema.optional().openapi({ description: 'Only this meter' }),
  from: instantSchema.optional().openapi({ description: 'Default: the first instant of this month' }),
  to: instantSchema.optional().openapi({ description: 'Exclusive; default: now' }),
  window: z.enum(windows).optional().openapi({ description: 'One row for each; absent: one for all' }),
  groupBy: z
    .string()
    .max(100)
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(groupings)).max(groupings.length))
    .optional()
    .openapi({
      type: 'string',
      description: `Comma-separated: ${groupings.join(', ')}`,
      example: 'agent,meter',
    }),
};

export const tenantUsageQuerySchema = z.object(usageFilter);
export const usageQuerySchema = z.object({
  ...usageFilter,
  tenant: slugSchema.optional().openapi({ description: 'Only this tenant' }),
  provider: slugSchema.optional().openapi({ description: 'Only this provider' }),
});

export const usageRowSchema = z
  .object({
    window: instantSchema.optional(),
    tenant: z.string().optional(),
    provider: z.string().optional(),
    agent: z.string().optional(),
    kind: z.string().optional(),
    meter: z.string(),
    quantity: z.string(),
    events: z.int(),
  })
  .openapi('UsageRow');

export const usageAnswerSchema = z.object({ items: z.array(usageRowSchema) });
export const ingestAnswerSchema = z.object({ results: z.array(eventResultSchema) }).openapi('UsageResults');

export const quarantineQuerySchema = pageQuerySchema.extend({
  provider: slugSchema.openapi({ description: 'Who reported them' }),
});
export const quarantinedSchema = z.object({
  id: z.string(),
  provider: z.string(),
  reason: z.string(),
  at: instantSchema,
  event: usageEventSchema,
});
