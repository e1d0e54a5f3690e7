import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, partySchema, slugSchema } from '../api/schemas.ts';
import { managementScopes } from '../kernel/principal.ts';
import { grantTypes } from './model.ts';
import {
  callScopeSchema,
  exactlyOneKeySource,
  issuerSchema,
  jwksSchema,
  oneKeySource,
  urlSchema,
} from './schema.ts';

const boundSchema = z.boolean().openapi({
  description: 'It gets no token that is not bound to a key of its own (RFC 9449 §5.2). Default: false',
});
const issuerClientIdsSchema = z
  .record(issuerSchema, z.string().min(1).max(255))
  .refine((ids) => Object.keys(ids).length <= 20, 'must name at most 20 issuers')
  .openapi({ description: 'Issuer or authorization server → the id that this program has there' });

export const newClientSchema = z
  .strictObject({
    id: slugSchema.optional(),
    name: z.string().trim().min(1).max(200),
    owner: partySchema,
    agent: agentIdSchema
      .optional()
      .openapi({ description: 'The agent that this program is; it may pass on tokens that it received' }),
    jwks: jwksSchema.optional(),
    jwksUri: urlSchema.optional(),
    grantTypes: z
      .array(z.enum(Object.values(grantTypes)))
      .min(1)
      .max(3),
    scopes: z.array(z.enum(managementScopes)).max(managementScopes.length).default([]),
    callScopes: z.array(callScopeSchema).min(1).max(100).optional(),
    issuerClientIds: issuerClientIdsSchema.optional(),
    dpopBoundAccessTokens: boundSchema.optional(),
  })
  .refine(exactlyOneKeySource, oneKeySource);

export const clientChangeSchema = z
  .strictObject({
    status: z.enum(['active', 'disabled']).optional(),
    name: z.string().trim().min(1).max(200).optional(),
    issuerClientIds: issuerClientIdsSchema.optional(),
    dpopBoundAccessTokens: boundSchema.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something');

export const clientSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    agent: z.string().optional(),
    jwksUri: z.string().optional(),
    grantTypes: z.array(z.string()),
    scopes: z.array(z.string()),
    callScopes: z.array(z.string()).optional(),
    issuerClientIds: z.record(z.string(), z.string()),
    dpopBoundAccessTokens: z.boolean().optional(),
    status: z.enum(['active', 'disabled']),
    createdAt: instantSchema,
  })
  .openapi('Client');
