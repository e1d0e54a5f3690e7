import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, partySchema, slugSchema } from '../api/schemas.ts';
import { managementScopes } from '../kernel/principal.ts';
import { maxExpressionLength } from './cel-mapping.ts';
import { grantTypes } from './model.ts';
import { acceptedAlgorithms } from './signature.ts';

const urlSchema = z
  .string()
  .max(2048)
  .refine(
    (url) => /^https?:\/\//i.test(url) && URL.canParse(url) && !url.includes('#'),
    'must be an absolute http(s) URL',
  );
/** Compared exactly, so only in the one form in which it is written into tokens. */
export const issuerSchema = z
  .string()
  .max(512)
  .refine(
    (url) => /^https?:\/\/[^?#@\s]+$/.test(url) && URL.canParse(url),
    'must be an http(s) URL without query, fragment or credentials',
  );
/** A hundred large RSA keys; pinned keys are kept in a record, and in memory. */
const maxPinnedBytes = 96 * 1024;
const jwksSchema = z
  .strictObject({
    keys: z
      .array(z.record(z.string().max(64), z.unknown()))
      .min(1)
      .max(100),
  })
  .refine(
    (jwks) => Buffer.byteLength(JSON.stringify(jwks)) <= maxPinnedBytes,
    `may have ${maxPinnedBytes} bytes of JSON`,
  )
  .openapi({ description: 'A key set (RFC 7517) of public keys' });
const boundSchema = z.boolean().openapi({
  description: 'It gets no token that is not bound to a key of its own (RFC 9449 §5.2). Default: false',
});
const callScopeSchema = z.string().regex(/^[a-z0-9:._-]{1,64}$/, 'must be 1 to 64 of a-z 0-9 : . _ -');

function exactlyOneKeySource(value: { jwks?: unknown; jwksUri?: unknown }): boolean {
  return (value.jwks === undefined) !== (value.jwksUri === undefined);
}

const oneKeySource = { message: 'give exactly one of jwks and jwksUri', path: ['jwksUri'] };

const algorithmsSchema = z.array(z.enum(acceptedAlgorithms)).min(1).max(4);
const audienceSchema = z.string().min(1).max(255).openapi({
  description:
    'The issuer’s own name for the broker: tokens whose sole `aud` it is count as made for the broker',
});

const mappingSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('fixed') }),
    z.strictObject({ kind: z.literal('claim'), claim: z.string().min(1).max(128) }),
    z.strictObject({
      kind: z.literal('cel'),
      expression: z
        .string()
        .min(1)
        .max(maxExpressionLength)
        .openapi({ example: 'has(claims.org) ? claims.org : claims.email.split("@")[1]' }),
    }),
  ])
  .openapi('TenantMapping', {
    description:
      'For whom the issuer speaks. `fixed` (default): the tenant that owns it. `claim`, `cel`: the tenant to which the external id, from a claim ' +
      'or a CEL expression over `claims`, is linked',
  });

export const newIssuerSchema = z
  .strictObject({
    issuer: issuerSchema.openapi({ example: 'https://login.acme.example' }),
    jwks: jwksSchema.optional(),
    jwksUri: urlSchema.optional(),
    algorithms: algorithmsSchema.optional().openapi({ description: 'Default: all but RS256' }),
    audience: audienceSchema.optional(),
    tenantMapping: mappingSchema.optional(),
    expiresAt: instantSchema.optional(),
  })
  .refine(exactlyOneKeySource, oneKeySource);

export const issuerChangeSchema = z
  .strictObject({
    jwks: jwksSchema.optional(),
    jwksUri: urlSchema.optional(),
    algorithms: algorithmsSchema.optional(),
    audience: audienceSchema.nullable().optional(),
    tenantMapping: mappingSchema.optional(),
    expiresAt: instantSchema.nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .refine(({ jwks, jwksUri }) => jwks === undefined || jwksUri === undefined, {
    message: 'give at most one of jwks and jwksUri',
    path: ['jwksUri'],
  });

export const issuerProofSchema = z.strictObject({
  proof: z.string().min(1).max(8192).optional().openapi({
    description: 'The signed challenge, when the bare one is in DNS; absent: it is in the well-known file',
  }),
});

export const issuerSchemaOut = z
  .object({
    id: z.string(),
    issuer: z.string(),
    owner: z.string(),
    jwksUri: z.string().optional(),
    algorithms: z.array(z.string()),
    audience: z.string().optional(),
    tenantMapping: mappingSchema.optional(),
    status: z.enum(['pending', 'verified', 'active', 'keys_replaced', 'disabled']),
    reason: z.string().optional().openapi({ description: 'Why it is not active' }),
    trustedBy: z
      .object({ how: z.enum(['operator', 'well-known', 'dns']), at: instantSchema })
      .optional()
      .openapi({ description: 'On what its keys are trusted: the operator’s word, or a proof' }),
    challenge: z
      .object({
        value: z.string(),
        audience: z.string().openapi({ description: 'The `aud` of the signed challenge: this broker' }),
        wellKnownUrl: z.string().openapi({ description: 'Here the signed challenge is looked for' }),
        dnsName: z
          .string()
          .optional()
          .openapi({ description: 'Here the challenge is looked for as a TXT record' }),
      })
      .optional()
      .openapi({ description: 'What to publish, while a proof is wanted' }),
    seenKeys: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Thumbprints (RFC 7638) of the keys at `jwksUri` when they were last seen' }),
    createdAt: instantSchema,
    expiresAt: instantSchema.optional(),
  })
  .openapi('Issuer');

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

export const reasonSchema = z.strictObject({ reason: z.string().trim().min(1).max(500) });

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

export const pairwiseSchema = z
  .string()
  .regex(/^v\d{1,4}\.[A-Za-z0-9_-]{43}$/, 'must be a pairwise subject such as v1.…');

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
