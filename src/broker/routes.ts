import { z } from '@hono/zod-openapi';
import { createRouter, type Router } from '../api/router.ts';
import { agentParam, providerParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';

const path = '/a2a/{provider}/{agent}/jsonrpc';
const rpcSchema = z.looseObject({ jsonrpc: z.literal('2.0'), id: z.union([z.string(), z.int()]) });

/** Describes the gateway; the calls themselves never come here (see `Gateway.matches`). */
export function gatewayRoutes(): Router {
  const router = createRouter();
  const rpc = { 'application/json': { schema: rpcSchema } };
  router.openAPIRegistry.registerPath({
    method: 'post',
    path,
    operationId: 'callAgent',
    tags: ['Gateway'],
    summary: 'Call an agent (A2A v1.0 JSON-RPC)',
    description:
      'SendMessage, SendStreamingMessage, GetTask, CancelTask, SubscribeToTask. Needs `A2A-Version: 1.0` and a token whose ' +
      'audience is this agent’s brokered address; one that is bound to a key under the scheme `DPoP`, with a proof (RFC 9449 §7)',
    request: {
      params: z.object({ provider: providerParam, agent: agentParam }),
      body: {
        required: true,
        content: {
          'application/json': {
            schema: rpcSchema.extend({ method: z.string(), params: z.looseObject({}) }),
          },
        },
      },
    },
    responses: {
      200: {
        description: 'The agent’s answer, or an A2A error',
        content: { ...rpc, 'text/event-stream': { schema: z.string() } },
      },
      ...Object.fromEntries(
        [400, 401, 403, 413, 415, 500, 502, 503, 504].map((status) => [
          status,
          { description: 'A JSON-RPC error with a google.rpc.ErrorInfo `reason`', content: rpc },
        ]),
      ),
    },
  });
  router.all('/a2a/:provider/:agent/jsonrpc', (c) => {
    c.header('Allow', 'POST');
    throw new Fault('method_not_allowed', 'JSON-RPC calls are POST requests.');
  });
  return router;
}
