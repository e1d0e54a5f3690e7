import { z } from '@hono/zod-openapi';
import { instantSchema, partySchema, slugSchema } from '../api/schemas.ts';
import { callScopeSchema } from './schema.ts';

export const newAgreementSchema = z.strictObject({
  from: partySchema,
  to: partySchema,
  scopes: z.array(callScopeSchema).min(1).max(100).optional(),
  maxDepth: z
    .int()
    .min(1)
    .max(4)
    .optional()
    .openapi({ description: 'The longest chain of actors that may rest on it' }),
  tenants: z.array(slugSchema).min(1).max(1000).optional(),
  residency: z
    .array(z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be a region such as eu-central-1'))
    .min(1)
    .max(50)
    .optional()
    .openapi({
      description: 'The only regions in which what is passed on may be served, there and further on',
    }),
  priceReference: z.string().trim().min(1).max(200).optional().openapi({
    description: 'Where the two have agreed on prices; shown to both, and not read by the broker',
  }),
  expiresAt: instantSchema.optional(),
});

export const agreementSchema = z
  .object({
    id: z.string(),
    from: z.string(),
    to: z.string(),
    scopes: z.array(z.string()).optional(),
    maxDepth: z.int().optional(),
    tenants: z.array(z.string()).optional(),
    residency: z.array(z.string()).optional(),
    priceReference: z.string().optional(),
    status: z.enum(['proposed', 'active', 'revoked']),
    proposedBy: z.string().optional(),
    reason: z.string().optional(),
    createdAt: instantSchema,
    expiresAt: instantSchema.optional(),
  })
  .openapi('Agreement');
