import { z } from '@hono/zod-openapi';
import type { Router } from '../api/router.ts';
import { agentIdSchema, slugSchema } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { isOnOffer, type Registry } from '../registry/index.ts';
import { type OAuthErrorCode, OAuthRefusal } from './errors.ts';
import type { Trust } from './index.ts';
import type { Keys } from './keys.ts';
import { authorizationServerMetadata, openIdMetadata, protectedResourceMetadata } from './metadata.ts';
import { oauthErrorSchema, tokenAnswerSchema } from './schema.ts';

/** RFC 6749 §5.2: 400 unless said otherwise. */
const statuses = {
  invalid_request: 400,
  invalid_client: 401,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_target: 400,
  invalid_scope: 400,
  temporarily_unavailable: 503,
} as const satisfies Record<OAuthErrorCode, number>;

export interface OAuthFacts {
  readonly brokerUrl: string;
  readonly keys: Keys;
  readonly registry: Pick<Registry, 'callableAgent'>;
}

export function addOAuthRoutes(router: Router, trust: Trust, facts: OAuthFacts): void {
  describeTokenEndpoint(router);
  // A plain handler: the body is a form whose duplicates matter, which schema validators cannot see.
  router.post('/oauth/token', async (c) => {
    c.header('Cache-Control', 'no-store');
    c.header('Pragma', 'no-cache');
    try {
      return c.json(await trust.issueToken(c.req.header('Content-Type'), await c.req.text()));
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error;
      if (error.retryAfterSeconds !== undefined) c.header('Retry-After', String(error.retryAfterSeconds));
      const tried = /^[A-Za-z]{1,20}(?= )/.exec(c.req.header('Authorization') ?? '')?.[0];
      if (error.code === 'invalid_client' && tried !== undefined)
        c.header('WWW-Authenticate', `${tried} realm="${facts.brokerUrl}"`);
      return c.json({ error: error.code, error_description: error.message }, statuses[error.code]);
    }
  });
  router.all('/oauth/token', (c) => {
    c.header('Allow', 'POST');
    throw new Fault('method_not_allowed', 'The token endpoint takes POST only.');
  });

  const documents = {
    '/.well-known/oauth-authorization-server': authorizationServerMetadata(facts.brokerUrl),
    '/.well-known/openid-configuration': openIdMetadata(facts.brokerUrl),
  };
  for (const [path, document] of Object.entries(documents)) {
    describe(router, path, 'What this authorization server offers (RFC 8414)');
    router.get(path, (c) => {
      c.header('Cache-Control', 'public, max-age=300');
      return c.json(document);
    });
  }

  describe(router, '/.well-known/jwks.json', 'The public keys of the broker (RFC 7517)');
  router.get('/.well-known/jwks.json', (c) => {
    c.header('Cache-Control', 'public, max-age=300');
    c.header('Content-Type', 'application/jwk-set+json');
    return c.body(JSON.stringify(facts.keys.jwks()));
  });

  describe(
    router,
    '/.well-known/oauth-protected-resource/a2a/{provider}/{agent}',
    'Where tokens for an agent come from (RFC 9728)',
  );
  router.get('/.well-known/oauth-protected-resource/a2a/:provider/:agent', async (c) => {
    const id = agentIdSchema.safeParse(`${c.req.param('provider')}/${c.req.param('agent')}`);
    const agent = id.success ? await facts.registry.callableAgent(id.data) : undefined;
    if (agent === undefined || !isOnOffer(agent))
      throw new Fault('not_found', 'There is no such agent on offer.');
    c.header('Cache-Control', 'public, max-age=300');
    return c.json(protectedResourceMetadata(facts.brokerUrl, agent));
  });
}

function describe(router: Router, path: string, summary: string): void {
  router.openAPIRegistry.registerPath({
    method: 'get',
    path,
    tags: ['Trust'],
    summary,
    security: [],
    ...(path.includes('{provider}')
      ? { request: { params: z.object({ provider: slugSchema, agent: slugSchema }) } }
      : {}),
    responses: {
      200: { description: 'The document', content: { 'application/json': { schema: z.looseObject({}) } } },
    },
  });
}

function describeTokenEndpoint(router: Router): void {
  const refusal = {
    description: 'Refused (RFC 6749 §5.2)',
    content: { 'application/json': { schema: oauthErrorSchema } },
  };
  router.openAPIRegistry.registerPath({
    method: 'post',
    path: '/oauth/token',
    tags: ['Trust'],
    summary: 'Get a token: token exchange (RFC 8693) or client credentials',
    description:
      'Clients authenticate with `private_key_jwt`. `resource` is the brokered address of the agent, or a deployment’s own; ' +
      '`audience` its `provider/agent` name',
    security: [],
    request: {
      body: {
        required: true,
        content: {
          'application/x-www-form-urlencoded': {
            schema: z.object({
              grant_type: z.string(),
              client_assertion_type: z.string(),
              client_assertion: z.string(),
              subject_token: z.string().optional(),
              subject_token_type: z.string().optional(),
              actor_token: z.string().optional(),
              actor_token_type: z.string().optional(),
              resource: z.string().optional(),
              audience: z.string().optional(),
              scope: z.string().optional(),
              requested_token_type: z.string().optional(),
            }),
          },
        },
      },
    },
    responses: {
      200: { description: 'The token', content: { 'application/json': { schema: tokenAnswerSchema } } },
      400: refusal,
      401: refusal,
      503: refusal,
    },
  });
}
