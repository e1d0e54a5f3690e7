import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { createRouter, type Router } from '../api/router.ts';
import { agentParam, problems, providerParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { addAgentRoutes } from './agent-routes.ts';
import { agentId } from './agent.ts';
import type { ServedCard } from './brokered-cards.ts';
import type { Registry } from './index.ts';
import { addProviderRoutes } from './provider-routes.ts';

const params = z.object({ provider: providerParam, agent: agentParam });
const cardAnswer = {
  200: { description: 'The card', content: { 'application/json': { schema: z.looseObject({}) } } },
  304: { description: 'Not changed since `If-None-Match`' },
  ...problems(404),
};

const brokeredCard = createRoute({
  method: 'get',
  path: '/a2a/{provider}/{agent}/.well-known/agent-card.json',
  operationId: 'getBrokeredCard',
  tags: ['Gateway'],
  summary: 'The agent’s card as callers of the broker use it: our address, our security, signed by us',
  security: [],
  request: { params },
  responses: cardAnswer,
});

const originalCard = createRoute({
  method: 'get',
  path: '/a2a/{provider}/{agent}/.well-known/agent-card.original.json',
  operationId: 'getOriginalCard',
  tags: ['Gateway'],
  summary: 'The provider’s own card, byte for byte',
  security: [],
  request: { params },
  responses: cardAnswer,
});

export function registryRoutes(registry: Registry, brokerUrl: string): Router {
  const router = createRouter();
  addProviderRoutes(router, registry);
  addAgentRoutes(router, registry, brokerUrl);
  router.openapi(brokeredCard, async (c) => {
    const { provider, agent } = c.req.valid('param');
    return serve(c, await registry.brokeredCard(agentId(provider, agent)));
  });
  router.openapi(originalCard, async (c) => {
    const { provider, agent } = c.req.valid('param');
    return serve(c, await registry.originalCard(agentId(provider, agent)));
  });
  return router;
}

function serve(c: Context<HttpEnv>, card: ServedCard | undefined): Response {
  if (card === undefined) throw new Fault('not_found', 'There is no such agent on offer.');
  const etag = `"${card.etag}"`;
  c.header('ETag', etag);
  c.header('Cache-Control', 'public, max-age=60');
  const known = c.req
    .header('If-None-Match')
    ?.split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  if (known !== undefined && (known.includes(etag) || known.includes('*'))) return c.body(null, 304);
  c.header('Content-Type', 'application/json');
  return c.body(card.body, 200);
}
