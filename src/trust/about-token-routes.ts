import { z } from '@hono/zod-openapi';
import type { Router } from '../api/router.ts';
import { Fault } from '../kernel/fault.ts';
import type { Trust } from './index.ts';
import { introspectionSchema } from './z-token.ts';
import { answerRefusal, oauthRefusals } from './token-routes.ts';

/** Plain handlers, as at the token endpoint: the bodies are forms whose duplicates matter. */
export function addAboutTokenRoutes(router: Router, trust: Trust, brokerUrl: string): void {
  describe(router, {
    path: '/oauth/introspect',
    operationId: 'introspectToken',
    summary: 'Whether a token still stands (RFC 7662), for its own audience',
    description:
      'Answers the claims of an active token to the program of the agent that it was made for, or to another program of its ' +
      'company. To everybody else, and of what is no token, `{"active": false}`',
    answer: {
      description: 'What the audience may know',
      content: { 'application/json': { schema: introspectionSchema } },
    },
  });
  describe(router, {
    path: '/oauth/revoke',
    operationId: 'revokeToken',
    summary: 'Take back a token (RFC 7009), by the client that it was issued to',
    description:
      'A call token stops with everything that was made from it. The answer is the same for what is no token, or not the caller’s',
    answer: { description: 'Nothing, whatever was sent' },
  });
  router.post('/oauth/introspect', async (c) => {
    c.header('Cache-Control', 'no-store');
    c.header('Pragma', 'no-cache');
    try {
      return c.json(
        await trust.introspectToken({
          contentType: c.req.header('Content-Type'),
          body: await c.req.text(),
        }),
      );
    } catch (error) {
      return answerRefusal(c, error, brokerUrl);
    }
  });
  router.post('/oauth/revoke', async (c) => {
    c.header('Cache-Control', 'no-store');
    c.header('Pragma', 'no-cache');
    try {
      await trust.revokeToken({ contentType: c.req.header('Content-Type'), body: await c.req.text() });
      return c.body(null, 200);
    } catch (error) {
      return answerRefusal(c, error, brokerUrl);
    }
  });
  for (const path of ['/oauth/introspect', '/oauth/revoke'])
    router.all(path, (c) => {
      c.header('Allow', 'POST');
      throw new Fault('method_not_allowed', 'This endpoint takes POST only.');
    });
}

function describe(
  router: Router,
  {
    answer,
    ...route
  }: {
    readonly path: string;
    readonly operationId: string;
    readonly summary: string;
    readonly description: string;
    readonly answer: Parameters<Router['openAPIRegistry']['registerPath']>[0]['responses'][string];
  },
): void {
  router.openAPIRegistry.registerPath({
    ...route,
    method: 'post',
    tags: ['Trust'],
    security: [],
    request: {
      body: {
        required: true,
        content: {
          'application/x-www-form-urlencoded': {
            schema: z.object({
              client_assertion_type: z.string(),
              client_assertion: z.string(),
              token: z.string(),
              token_type_hint: z.string().optional(),
            }),
          },
        },
      },
    },
    responses: { 200: answer, ...oauthRefusals() },
  });
}
