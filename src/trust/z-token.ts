import { z } from '@hono/zod-openapi';

export const tokenAnswerSchema = z
  .object({
    access_token: z.string(),
    issued_token_type: z.string().optional(),
    token_type: z.enum(['Bearer', 'DPoP', 'N_A']),
    expires_in: z.int(),
    scope: z.string(),
  })
  .openapi('TokenAnswer');

export const oauthErrorSchema = z
  .object({ error: z.string(), error_description: z.string() })
  .openapi('OAuthError');

export const introspectionSchema = z
  .looseObject({
    active: z.boolean(),
    token_type: z.string().optional(),
    scope: z.string().optional(),
    client_id: z.string().optional(),
    sub: z.string().optional(),
    aud: z.string().optional(),
    iss: z.string().optional(),
    jti: z.string().optional(),
    iat: z.int().optional(),
    exp: z.int().optional(),
    tenant: z.string().optional(),
    txn: z.string().optional(),
  })
  .openapi('Introspection');
