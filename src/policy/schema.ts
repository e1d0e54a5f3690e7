import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, partySchema, slugSchema } from '../api/schemas.ts';
import type { PolicyOwner } from './policy.ts';

export const ownerSchema = z
  .string()
  .max(80)
  .regex(/^(?:operator|(?:provider|tenant):[a-z0-9._-]+)$/, 'must be operator, provider:{id} or tenant:{id}')
  .transform((text) => text as PolicyOwner)
  .openapi({
    type: 'string',
    pattern: '^(?:operator|(?:provider|tenant):[a-z0-9._-]+)$',
    example: 'tenant:acme',
  });

/** Cedar strings may hold any character; what is typed here is text for people, and of whole characters. */
const textSchema = z
  .string()
  .min(1)
  .max(4096)
  .refine(
    (text) => !/\p{Cs}|[^\P{Cc}\t\n\r]/u.test(text),
    'must not hold control characters or halves of characters',
  )
  .openapi({
    description: 'Exactly one Cedar policy, valid against `GET /v1/policies/schema`',
    example: 'forbid(principal, action, resource) unless { context.depth == 1 };',
  });
const descriptionSchema = z.string().trim().min(1).max(500);
const enabledSchema = z
  .boolean()
  .default(true)
  .openapi({ description: 'A disabled policy is kept, and asked nothing' });

export const newPolicySchema = z.strictObject({
  id: slugSchema.optional().openapi({ description: 'Among the owner’s own; made when absent' }),
  owner: ownerSchema.optional().openapi({ description: 'Default: the caller' }),
  description: descriptionSchema.optional(),
  text: textSchema,
  enabled: enabledSchema,
});

export const policyContentSchema = z.strictObject({
  description: descriptionSchema.optional(),
  text: textSchema,
  enabled: enabledSchema,
});

export const policySchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    description: z.string().optional(),
    text: z.string(),
    enabled: z.boolean(),
    effect: z.enum(['permit', 'forbid']),
    createdAt: instantSchema,
    updatedAt: instantSchema,
  })
  .openapi('Policy');

const words = (max: number) => z.array(z.string().min(1).max(128)).max(max);

export const trialSchema = z.strictObject({
  owner: ownerSchema.optional().openapi({
    description: 'Whose policies. Default: the caller’s; to the operator, of all who have a say',
  }),
  principal: z.strictObject({
    client: slugSchema,
    owner: partySchema,
    agent: agentIdSchema.optional(),
  }),
  action: z.literal('exchange').default('exchange'),
  resource: z.strictObject({
    agent: agentIdSchema,
    tags: words(100).default([]),
    skills: words(100).default([]),
    scopes: words(100).default(['a2a:invoke', 'a2a:read']),
  }),
  context: z.strictObject({
    tenant: slugSchema,
    tier: z.string().min(1).max(64).default('standard'),
    region: z.string().min(1).max(64).optional(),
    scopes: words(100).default(['a2a:invoke']),
    depth: z.int().min(1).max(16).default(1),
    actors: words(16).optional().openapi({ description: 'Default: the principal alone' }),
    through: words(16).default([]),
    time: instantSchema.optional().openapi({ description: 'Default: now' }),
    issuer: z.string().min(1).max(512).default('https://issuer.example'),
    acr: z.string().min(1).max(255).optional(),
    amr: words(16).optional(),
    agreement: z.string().min(1).max(64).optional(),
  }),
  draft: z
    .strictObject({ id: slugSchema.optional(), text: textSchema })
    .optional()
    .openapi({ description: 'As if this one of the owner’s were enabled as well, or in place of that id' }),
});

export const decisionSchema = z
  .object({
    decision: z.enum(['allow', 'refuse']),
    verdicts: z
      .array(
        z.object({
          owner: z.string(),
          decision: z.enum(['allow', 'refuse']),
          why: z.enum(['permitted', 'not_forbidden', 'forbidden', 'not_permitted', 'failed']),
          policies: z.array(z.string()).openapi({ description: 'Which decided' }),
          errors: z.array(z.object({ policy: z.string().optional(), message: z.string() })),
        }),
      )
      .openapi({ description: 'Of each owner who has enabled policies and a say' }),
  })
  .openapi('PolicyDecision');
