import { z } from '@hono/zod-openapi';
import { instantSchema } from '../api/schemas.ts';
import { maxExpressionLength } from './cel-mapping.ts';
import { exactlyOneKeySource, issuerSchema, jwksSchema, oneKeySource, urlSchema } from './schema.ts';
import { acceptedAlgorithms } from './signature.ts';

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
