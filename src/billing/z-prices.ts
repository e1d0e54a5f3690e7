import { z } from '@hono/zod-openapi';
import { instantSchema, slugSchema } from '../api/schemas.ts';
import { nameSchema, namedValues } from './z-named-values.ts';
import { periodSchema } from './z-period.ts';

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

const whereSchema = namedValues(z.string().max(128), 10).openapi({
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Only usage with these dimensions; of several prices of a meter the first that fits counts',
});

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
      .max(50)
      .openapi({
        description: 'Each unit at the price of its tier; `upTo` is inclusive, absent on the last',
      }),
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
