import { createRoute, z } from '@hono/zod-openapi';
import type { Router } from '../api/router.ts';
import { agentParam, problems, providerParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { isOnOffer, type Registry } from '../registry/index.ts';
import type { Keys } from './keys.ts';
import { authorizationServerMetadata, openIdMetadata, protectedResourceMetadata } from './metadata.ts';

export interface PublicFacts {
  readonly brokerUrl: string;
  readonly keys: Keys;
  readonly registry: Pick<Registry, 'callableAgent'>;
}

/** Public documents: the same for everybody, without a token. */
const common = { tags: ['Trust'], security: [] };
const aDocument = {
  description: 'The document',
  content: { 'application/json': { schema: z.looseObject({}) } },
};
const cached = 'public, max-age=300';

const serverMetadata = createRoute({
  ...common,
  method: 'get',
  path: '/.well-known/oauth-authorization-server',
  operationId: 'getAuthorizationServerMetadata',
  summary: 'What this authorization server offers (RFC 8414)',
  responses: { 200: aDocument },
});
const openIdConfiguration = createRoute({
  ...common,
  method: 'get',
  path: '/.well-known/openid-configuration',
  operationId: 'getOpenIdConfiguration',
  summary: 'The same, where OpenID clients look for it',
  responses: { 200: aDocument },
});
const publicKeys = createRoute({
  ...common,
  method: 'get',
  path: '/.well-known/jwks.json',
  operationId: 'getPublicKeys',
  summary: 'The public keys of the broker (RFC 7517)',
  responses: {
    200: {
      description: 'The key set',
      content: {
        'application/jwk-set+json': {
          schema: z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }),
        },
      },
    },
  },
});
const resourceMetadata = createRoute({
  ...common,
  method: 'get',
  path: '/.well-known/oauth-protected-resource/a2a/{provider}/{agent}',
  operationId: 'getProtectedResourceMetadata',
  summary: 'Where tokens for an agent come from (RFC 9728)',
  request: { params: z.object({ provider: providerParam, agent: agentParam }) },
  responses: { 200: aDocument, ...problems(404) },
});

/** `dpopRequired`: whether agents take bound tokens only. */
export function addWellKnownRoutes(router: Router, facts: PublicFacts, dpopRequired: boolean): void {
  router.openapi(serverMetadata, (c) => {
    c.header('Cache-Control', cached);
    return c.json(authorizationServerMetadata(facts.brokerUrl));
  });
  router.openapi(openIdConfiguration, (c) => {
    c.header('Cache-Control', cached);
    return c.json(openIdMetadata(facts.brokerUrl));
  });
  // A plain handler: the document is not of a JSON type that the router would write.
  router.openAPIRegistry.registerPath(publicKeys);
  router.get(publicKeys.path, (c) => {
    c.header('Cache-Control', cached);
    c.header('Content-Type', 'application/jwk-set+json');
    return c.body(JSON.stringify(facts.keys.jwks()));
  });
  router.openapi(resourceMetadata, async (c) => {
    const { provider, agent: name } = c.req.valid('param');
    const agent = await facts.registry.callableAgent(`${provider}/${name}`);
    if (agent === undefined || !isOnOffer(agent))
      throw new Fault('not_found', 'There is no such agent on offer.');
    c.header('Cache-Control', cached);
    return c.json(protectedResourceMetadata(facts.brokerUrl, agent, dpopRequired), 200);
  });
}
