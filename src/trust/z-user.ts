import { z } from '@hono/zod-openapi';
import { instantSchema, slugSchema } from '../api/schemas.ts';
import { issuerSchema, pairwiseSchema } from './schema.ts';

/** Which of the two ways a user is named is for the route to judge: a schema of alternatives would be hard to read. */
export const userDecisionSchema = z.strictObject({
  issuer: issuerSchema.optional().openapi({ description: 'Of the tenant, exactly; with `subject`' }),
  subject: z.string().min(1).max(255).optional().openapi({ description: '`sub` at that issuer' }),
  provider: slugSchema.optional().openapi({ description: 'Who knows the user by `sub`' }),
  sub: pairwiseSchema
    .optional()
    .openapi({ description: 'The user as that provider sees it in tokens', example: `v1.${'A'.repeat(43)}` }),
  reason: z.string().trim().min(1).max(500),
});

export const blockedUserSchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    issuer: z.string(),
    subject: z.string(),
    reason: z.string(),
    blockedAt: instantSchema,
  })
  .openapi('BlockedUser');
