import { z } from '@hono/zod-openapi';
import { instantSchema } from '../api/schemas.ts';

export const periodSchema = z
  .string()
  .regex(/^20\d\d-(?:0[1-9]|1[0-2])$/, 'must be a month such as 2026-01')
  .openapi({ example: '2026-01' });

const tieOutSchema = z.object({
  currency: z.string(),
  invoiced: z.string(),
  gross: z.string(),
  commission: z.string(),
  net: z.string(),
  ok: z.boolean().openapi({ description: 'invoiced = gross = net + commission, and the journal balances' }),
});

export const unpricedSchema = z.object({
  tenant: z.string(),
  agent: z.string(),
  meter: z.string(),
  quantity: z.string(),
  reason: z.enum(['no_plan', 'no_price']),
});

export const periodAnswerSchema = z
  .object({
    period: z.string(),
    state: z.enum(['open', 'grace', 'closing', 'closed']),
    closingAt: instantSchema
      .optional()
      .openapi({ description: 'When the close began: the date of its invoices and settlements' }),
    events: z.int().optional(),
    invoices: z.int().optional(),
    settlements: z.int().optional(),
    tieOut: z.array(tieOutSchema).optional().openapi({ description: 'One for each currency' }),
    unpriced: z
      .array(unpricedSchema)
      .optional()
      .openapi({ description: 'Usage that is on no invoice because nothing prices it; at most 100' }),
    unpricedCount: z.int().optional(),
  })
  .openapi('BillingPeriod');

export const closeSchema = z.strictObject({
  early: z.boolean().default(false).openapi({
    description: 'Close before the month and its grace are over; what comes later posts to the next',
  }),
});

export const journalEntrySchema = z
  .object({
    account: z.string().openapi({ example: 'receivable:tenant:acme' }),
    currency: z.string(),
    amount: z.string().openapi({ description: 'Debits are positive; all of a month sum to zero' }),
    document: z.string().openapi({ description: 'The invoice or settlement that it comes from' }),
  })
  .openapi('JournalEntry');
