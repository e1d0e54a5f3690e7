import { z } from '@hono/zod-openapi';
import { instantSchema } from '../api/schemas.ts';

export const delegationSchema = z
  .object({
    id: z.string(),
    txn: z.string(),
    parent: z.string().optional().openapi({ description: 'The delegation that it continues' }),
    tenant: z.string(),
    provider: z.string(),
    agent: z.string(),
    deployment: z.string().optional(),
    authorizationServer: z
      .string()
      .optional()
      .openapi({ description: 'It is an ID-JAG, for this server; its provider and the operator are told' }),
    client: z.string().openapi({ description: 'The program that acts' }),
    scopes: z.array(z.string()),
    depth: z.int().openapi({ description: 'Actors in the chain up to here' }),
    state: z
      .enum(['active', 'expired', 'revoked', 'stopped'])
      .openapi({ description: '`stopped`: one before it is revoked' }),
    issuedAt: instantSchema,
    expiresAt: instantSchema,
    revokedAt: instantSchema.optional(),
    reason: z.string().optional(),
  })
  .openapi('Delegation');
