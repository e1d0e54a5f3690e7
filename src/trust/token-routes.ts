import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import type { Router } from '../api/router.ts';
import { Fault } from '../kernel/fault.ts';
import { type OAuthErrorCode, OAuthRefusal } from './errors.ts';
import type { Trust } from './index.ts';
import { oauthErrorSchema, tokenAnswerSchema } from './z-token.ts';

/** RFC 6749 §5.2: 400 unless said otherwise. */
const statuses = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_target: 400,
  invalid_scope: 400,
  unsupported_token_type: 400,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  temporarily_unavailable: 503,
} as const satisfies Record<OAuthErrorCode, number>;

export function addTokenRoute(router: Router, trust: Trust, brokerUrl: string): void {
  describeTokenEndpoint(router);
  // A plain handler: the body is a form whose duplicates matter, which schema validators cannot see.
  router.post('/oauth/token', async (c) => {
    c.header('Cache-Control', 'no-store');
    c.header('Pragma', 'no-cache');
    try {
      const proof = c.req.header('DPoP');
      // RFC 9449 §8.2: the next proof needs no refusal before it.
      if (proof !== undefined && trust.dpop.policy.nonceRequired) c.header('DPoP-Nonce', trust.dpop.nonce());
      return c.json(await trust.issueToken(c.req.header('Content-Type'), await c.req.text(), proof));
    } catch (error) {
      if (error instanceof OAuthRefusal && error.code === 'use_dpop_nonce')
        c.header('DPoP-Nonce', trust.dpop.nonce());
      return answerRefusal(c, error, brokerUrl);
    }
  });
  router.all('/oauth/token', (c) => {
    c.header('Allow', 'POST');
    throw new Fault('method_not_allowed', 'The token endpoint takes POST only.');
  });
}

/** RFC 6749 §5.2. What is no refusal is thrown on. */
export function answerRefusal(c: Context<HttpEnv>, error: unknown, brokerUrl: string) {
  if (!(error instanceof OAuthRefusal)) throw error;
  if (error.retryAfterSeconds !== undefined) c.header('Retry-After', String(error.retryAfterSeconds));
  const tried = /^[A-Za-z]{1,20}(?= )/.exec(c.req.header('Authorization') ?? '')?.[0];
  if (error.code === 'invalid_client' && tried !== undefined)
    c.header('WWW-Authenticate', `${tried} realm="${brokerUrl}"`);
  return c.json({ error: error.code, error_description: error.message }, statuses[error.code]);
}

/** For each status, what the OAuth endpoints' refusals look like. */
export function oauthRefusals() {
  const refusal = {
    description: 'Refused (RFC 6749 §5.2)',
    content: { 'application/json': { schema: oauthErrorSchema } },
  };
  return { 400: refusal, 401: refusal, 413: refusal, 500: refusal, 503: refusal };
}

function describeTokenEndpoint(router: Router): void {
  router.openAPIRegistry.registerPath({
    method: 'post',
    path: '/oauth/token',
    operationId: 'requestToken',
    tags: ['Trust'],
    summary: 'Get a token: token exchange (RFC 8693), JWT grant (RFC 7523) or client credentials',
    description:
      'Clients authenticate with `private_key_jwt`. `resource` is the brokered address of the agent, or a deployment’s own; ' +
      '`audience` its `provider/agent` name. With a proof in the header `DPoP` (RFC 9449) the token is bound to its key',
    security: [],
    request: {
      headers: z.object({
        DPoP: z
          .string()
          .optional()
          .openapi({ description: 'A proof of possession (RFC 9449 §4): the token is bound to its key' }),
      }),
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
              assertion: z
                .string()
                .optional()
                .openapi({ description: 'For the JWT grant: an ID-JAG, or the grant of identity chaining' }),
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
      ...oauthRefusals(),
    },
  });
}
