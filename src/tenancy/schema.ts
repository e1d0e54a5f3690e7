import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, slugSchema } from '../api/schemas.ts';

const nameSchema = z.string().trim().min(1).max(200);
const regionSchema = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be a region such as eu-central-1');
const residencySchema = z.array(regionSchema).min(1).max(50);
export const callScopeSchema = z.string().regex(/^[a-z0-9:._-]{1,64}$/, 'must be 1 to 64 of a-z 0-9 : . _ -');

export const newTenantSchema = z.strictObject({
  id: slugSchema.optional().openapi({ description: 'The universal tenant id; made when absent' }),
  name: nameSchema,
  tier: slugSchema.openapi({ example: 'standard' }),
  region: regionSchema.optional(),
  residency: residencySchema
    .optional()
    .openapi({ description: 'The only regions in which calls may be served' }),
});

export const tenantChangeSchema = z
  .strictObject({
    name: nameSchema.optional(),
    tier: slugSchema.optional(),
    region: regionSchema.nullable().optional(),
    residency: residencySchema.nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something');

export const reasonSchema = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export const tenantSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    tier: z.string(),
    region: z.string().optional(),
    residency: z.array(z.string()).optional(),
    status: z.enum(['active', 'suspended']),
    statusReason: z.string().optional(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
  })
  .openapi('Tenant');

export const audTenantSchema = z.string().min(1).max(200);

export const newSubscriptionSchema = z.strictObject({
  agent: agentIdSchema,
  plan: slugSchema.optional().openapi({ description: 'By which plan it is billed. Set by the operator' }),
  scopes: z
    .array(callScopeSchema)
    .min(1)
    .max(50)
    .optional()
    .openapi({ description: 'Absent: all that the agent publishes' }),
  audTenant: audTenantSchema
    .optional()
    .openapi({ description: 'The provider’s own id for the tenant; set by the operator alone' }),
  approver: z.string().trim().min(1).max(200).optional(),
  expiresAt: instantSchema.optional(),
});

export const subscriptionSchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    agent: z.string(),
    plan: z.string().optional(),
    scopes: z.array(z.string()),
    audTenant: z.string().optional(),
    approver: z.string().openapi({ description: 'Who decided it: as they said, or who asked' }),
    status: z.enum(['active', 'cancelled']),
    createdAt: instantSchema,
    expiresAt: instantSchema.optional(),
    cancelledAt: instantSchema.optional(),
  })
  .openapi('Subscription');
