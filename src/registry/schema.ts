import { z } from '@hono/zod-openapi';
import { instantSchema, pageQuerySchema, slugSchema } from '../api/schemas.ts';

const nameSchema = z.string().trim().min(1).max(200);
const regionSchema = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be a region such as eu-central-1');
const urlSchema = z
  .string()
  .max(2048)
  .refine((url) => /^https?:\/\//i.test(url) && URL.canParse(url), 'must be an absolute http(s) URL')
  .refine((url) => !url.includes('#'), 'must not have a fragment')
  .refine((url) => !URL.canParse(url) || new URL(url).username === '', 'must not carry credentials');
const resourceSchema = z
  .string()
  .max(512)
  .refine(
    (url) => URL.canParse(url) && !url.includes('#'),
    'must be an absolute URI without fragment (RFC 8707)',
  );
/** Compared exactly, so only in the one form in which it is written into tokens. */
const authorizationServerSchema = z
  .string()
  .max(512)
  .refine(
    (url) => /^https?:\/\/[^?#@\s]+$/.test(url) && URL.canParse(url),
    'must be an http(s) URL without query, fragment or credentials',
  )
  .openapi({
    description:
      'Issuer of the provider’s own authorization server, whose tokens the deployment takes; direct callers get an ID-JAG for it',
  });
const brokerClientIdSchema = z.string().min(1).max(255).openapi({
  description: 'The broker’s own id at that server, with which the gateway gets tokens; default: its issuer',
});
const awsSessionTagsSchema = z.boolean().openapi({
  description: 'Tokens for it name the tenant in the claim of which AWS STS makes session tags',
});
const scopeSchema = z.string().regex(/^[a-z0-9:._-]{1,64}$/, 'must be 1 to 64 of a-z 0-9 : . _ -');
const domainSchema = z
  .string()
  .max(253)
  .regex(/^(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}$/, 'must be a domain name in lower case');

export const newProviderSchema = z.strictObject({
  id: slugSchema,
  name: nameSchema,
  domains: z.array(domainSchema).max(20).optional(),
  contact: z.email().max(254).optional(),
});

export const providerSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    domains: z.array(z.string()),
    contact: z.string().optional(),
    status: z.enum(['pending', 'active', 'suspended']),
    statusReason: z.string().optional(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
  })
  .openapi('Provider');

export const reasonSchema = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export const newAgentSchema = z
  .strictObject({
    id: slugSchema.openapi({ description: 'The part after the slash in `provider/agent`' }),
    cardUrl: urlSchema
      .optional()
      .openapi({ description: 'Fetched from exactly here, now and at each refresh' }),
    card: z
      .record(z.string().max(200), z.unknown())
      .optional()
      .openapi({ description: 'The A2A 1.0 agent card itself' }),
    scopes: z
      .array(scopeSchema)
      .max(50)
      .optional()
      .openapi({ description: 'The agent’s own scopes, beyond a2a:invoke and a2a:read' }),
    region: regionSchema.optional(),
    resource: resourceSchema
      .optional()
      .openapi({ description: 'Audience of tokens for the agent; default: its URL' }),
  })
  .refine((agent) => (agent.cardUrl === undefined) !== (agent.card === undefined), {
    message: 'give exactly one of cardUrl and card',
    path: ['cardUrl'],
  });

export const deploymentSchema = z
  .object({
    id: z.string(),
    model: z.enum(['pooled', 'siloed']),
    tenant: z.string().optional(),
    region: z.string().optional(),
    url: z.string(),
    protocolVersion: z.literal('1.0'),
    upstreamTenant: z.string().optional(),
    resource: z.string(),
    authorizationServer: z.string().optional(),
    brokerClientId: z.string().optional(),
    awsSessionTags: z.boolean().optional(),
    weight: z.int(),
    state: z.enum(['active', 'draining', 'down']),
  })
  .openapi('Deployment');

const weightSchema = z.int().min(1).max(1000);

export const newDeploymentSchema = z
  .strictObject({
    id: slugSchema,
    model: z.enum(['pooled', 'siloed']),
    tenant: slugSchema.optional(),
    region: regionSchema.optional(),
    url: urlSchema,
    upstreamTenant: z.string().min(1).max(256).optional(),
    resource: resourceSchema.optional(),
    authorizationServer: authorizationServerSchema.optional(),
    brokerClientId: brokerClientIdSchema.optional(),
    awsSessionTags: awsSessionTagsSchema.optional(),
    weight: weightSchema.optional(),
  })
  .refine((made) => made.brokerClientId === undefined || made.authorizationServer !== undefined, {
    message: 'needs authorizationServer',
    path: ['brokerClientId'],
  });

export const deploymentChangeSchema = z
  .strictObject({
    weight: weightSchema.optional(),
    state: z.enum(['active', 'draining', 'down']).optional(),
    region: regionSchema.optional(),
    authorizationServer: authorizationServerSchema.nullable().optional(),
    brokerClientId: brokerClientIdSchema.optional(),
    awsSessionTags: awsSessionTagsSchema.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something');

export const agentSchema = z
  .object({
    id: z.string().openapi({ example: 'skyways/flights' }),
    provider: z.string(),
    name: z.string(),
    description: z.string(),
    status: z.enum(['draft', 'published', 'suspended', 'retired']),
    statusReason: z.string().optional(),
    cardUrl: z.string().optional(),
    cardDigest: z.string(),
    scopes: z.array(z.string()),
    streaming: z.boolean(),
    skills: z.array(z.object({ id: z.string(), name: z.string(), tags: z.array(z.string()) })),
    brokeredUrl: z.string(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
  })
  .openapi('Agent');

export const cardVersionSchema = z
  .object({
    digest: z.string(),
    current: z.boolean(),
    createdAt: instantSchema,
    card: z.record(z.string(), z.unknown()),
  })
  .openapi('CardVersion');

const term = (max: number) => z.string().min(1).max(max).optional();

export const agentQuerySchema = pageQuerySchema.extend({
  q: term(200).openapi({ description: 'Words, all of which occur in id, name, description, skills or tags' }),
  skill: term(128).openapi({ description: 'Id of a skill that the agent has' }),
  tag: term(64).openapi({ description: 'Tag of one of its skills' }),
  provider: slugSchema.optional().openapi({ description: 'Whose agents' }),
  region: term(32).openapi({ description: 'Where a deployment of it runs' }),
  capability: z.enum(['streaming']).optional().openapi({ description: 'What the agent can do' }),
});
