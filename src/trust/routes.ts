import { createRoute, z } from '@hono/zod-openapi';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireOperator, requireScope } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import { createRouter, type Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems, slugSchema, takes } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import type { Trust } from './index.ts';
import { addAboutTokenRoutes } from './about-token-routes.ts';
import { addAgreementRoutes } from './agreement-routes.ts';
import { addDelegationRoutes } from './delegation-routes.ts';
import { addIssuerRoutes } from './issuer-routes.ts';
import { addUserLinkRoutes } from './user-link-routes.ts';
import { addPairwiseRoutes } from './pairwise-routes.ts';
import { addLinkRoutes } from './link-routes.ts';
import { addKeyRoutes } from './key-routes.ts';
import type { JsonWebKeySet } from './key-set.ts';
import type { Client } from './model.ts';
import { addTokenRoute } from './token-routes.ts';
import { clientChangeSchema, clientSchema, newClientSchema } from './z-client.ts';
import { addUserRoutes } from './user-routes.ts';
import { addWellKnownRoutes, type PublicFacts } from './well-known-routes.ts';

const tags = ['Trust'];
const clientParams = z.object({ client: slugSchema.openapi({ description: 'Id of the client' }) });

const createClient = createRoute({
  method: 'post',
  path: '/v1/clients',
  operationId: 'registerClient',
  tags,
  summary: 'Register a program that may ask for tokens (operator)',
  request: takes(newClientSchema),
  responses: { 201: answers(clientSchema, 'Registered'), ...problems(400, 401, 403, 409, 422) },
});
const listClients = createRoute({
  method: 'get',
  path: '/v1/clients',
  operationId: 'listClients',
  tags,
  summary: 'List clients (operator)',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(clientSchema), 'One page'), ...problems(400, 401, 403) },
});
const readClient = createRoute({
  method: 'get',
  path: '/v1/clients/{client}',
  operationId: 'getClient',
  tags,
  summary: 'Read a client',
  request: { params: clientParams },
  responses: { 200: answers(clientSchema, 'The client'), ...problems(401, 403, 404) },
});
const patchClient = createRoute({
  method: 'patch',
  path: '/v1/clients/{client}',
  operationId: 'changeClient',
  tags,
  summary: 'Enable, disable or rename a client, or say where it has which id (operator)',
  description: 'Disabling stops its exchanges at once, and live tokens that it obtained. Honours `If-Match`',
  request: { params: clientParams, ...takes(clientChangeSchema) },
  responses: { 200: answers(clientSchema, 'Changed'), ...problems(400, 401, 403, 404, 409, 412) },
});
export function trustRoutes(trust: Trust, facts: PublicFacts): Router {
  const router = createRouter();
  addTokenRoute(router, trust, facts.brokerUrl);
  addAboutTokenRoutes(router, trust, facts.brokerUrl);
  addAgreementRoutes(router, trust);
  addDelegationRoutes(router, trust);
  addUserRoutes(router, trust);
  addWellKnownRoutes(router, facts, trust.dpop.policy.required);
  addKeyRoutes(router, trust);
  addLinkRoutes(router, trust);
  addUserLinkRoutes(router, trust);
  addPairwiseRoutes(router, trust);
  addIssuerRoutes(router, trust, facts.brokerUrl);

  router.openapi(createClient, async (c) => {
    const by = requireOperator(c);
    const { jwks, ...input } = defined(c.req.valid('json'));
    const client = await trust.registerClient(
      jwks === undefined ? input : { ...input, jwks: jwks as JsonWebKeySet },
      by,
    );
    return c.json(presentClient(client), 201);
  });
  router.openapi(listClients, async (c) => {
    requireOperator(c);
    return c.json(presentPage(await trust.listClients(defined(c.req.valid('query'))), presentClient), 200);
  });
  router.openapi(readClient, async (c) => {
    const by = requireScope(c, 'trust:read');
    const found = await trust.findClient(c.req.valid('param').client);
    if (found === undefined || (by.kind === 'client' && by.owner !== found.client.owner))
      throw new Fault('not_found', 'There is no such client.');
    setEtag(c, found.version);
    return c.json(presentClient(found.client), 200);
  });
  router.openapi(patchClient, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { client, version } = await trust.changeClient(
      c.req.valid('param').client,
      c.req.valid('json'),
      update,
    );
    setEtag(c, version);
    return c.json(presentClient(client), 200);
  });
  return router;
}

function presentClient({
  jwks: _,
  revokedTokens: __,
  grantTypes,
  scopes,
  callScopes,
  createdAt,
  ...rest
}: Client) {
  return {
    ...rest,
    grantTypes: [...grantTypes],
    scopes: [...scopes],
    ...(callScopes === undefined ? {} : { callScopes: [...callScopes] }),
    createdAt: instant(createdAt),
  };
}
