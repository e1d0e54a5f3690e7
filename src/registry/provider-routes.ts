import { createRoute, z } from '@hono/zod-openapi';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireOperator, requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems, providerParam, takes } from '../api/schemas.ts';
import type { Registry } from './index.ts';
import type { Provider } from './provider.ts';
import { newProviderSchema, providerSchema, reasonSchema } from './schema.ts';

const tags = ['Providers'];
const params = z.object({ provider: providerParam });

const admit = createRoute({
  method: 'post',
  path: '/v1/providers',
  operationId: 'admitProvider',
  tags,
  summary: 'Admit a provider (operator)',
  request: takes(newProviderSchema),
  responses: { 201: answers(providerSchema, 'Admitted'), ...problems(400, 401, 403, 409) },
});

const list = createRoute({
  method: 'get',
  path: '/v1/providers',
  operationId: 'listProviders',
  tags,
  summary: 'List providers (operator)',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(providerSchema), 'One page'), ...problems(400, 401, 403) },
});

const read = createRoute({
  method: 'get',
  path: '/v1/providers/{provider}',
  operationId: 'getProvider',
  tags,
  summary: 'Read a provider',
  request: { params },
  responses: { 200: answers(providerSchema, 'The provider'), ...problems(401, 403, 404) },
});

const suspend = createRoute({
  method: 'post',
  path: '/v1/providers/{provider}/suspend',
  operationId: 'suspendProvider',
  tags,
  summary: 'Take all of a provider’s agents off, at once (operator)',
  request: { params, ...takes(reasonSchema) },
  responses: { 200: answers(providerSchema, 'Suspended'), ...problems(400, 401, 403, 404, 409, 412) },
});

const reinstate = createRoute({
  method: 'post',
  path: '/v1/providers/{provider}/reinstate',
  operationId: 'reinstateProvider',
  tags,
  summary: 'Let a suspended provider work again (operator)',
  request: { params, ...takes(reasonSchema) },
  responses: { 200: answers(providerSchema, 'Reinstated'), ...problems(400, 401, 403, 404, 409, 412) },
});

export function addProviderRoutes(router: Router, registry: Registry): void {
  router.openapi(admit, async (c) => {
    const by = requireOperator(c);
    const { provider, version } = await registry.admitProvider(defined(c.req.valid('json')), by);
    setEtag(c, version);
    return c.json(present(provider), 201);
  });
  router.openapi(list, async (c) => {
    requireOperator(c);
    return c.json(presentPage(await registry.listProviders(defined(c.req.valid('query'))), present), 200);
  });
  router.openapi(read, async (c) => {
    const id = c.req.valid('param').provider;
    requireParty(c, `provider:${id}`, 'registry:read');
    const { provider, version } = await registry.readProvider(id);
    setEtag(c, version);
    return c.json(present(provider), 200);
  });
  router.openapi(suspend, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { reason } = c.req.valid('json');
    const { provider, version } = await registry.setProviderStatus(
      c.req.valid('param').provider,
      'suspended',
      reason,
      update,
    );
    setEtag(c, version);
    return c.json(present(provider), 200);
  });
  router.openapi(reinstate, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { reason } = c.req.valid('json');
    const { provider, version } = await registry.setProviderStatus(
      c.req.valid('param').provider,
      'active',
      reason,
      update,
    );
    setEtag(c, version);
    return c.json(present(provider), 200);
  });
}

function present({ domains, createdAt, updatedAt, ...rest }: Provider) {
  return { ...rest, domains: [...domains], createdAt: instant(createdAt), updatedAt: instant(updatedAt) };
}
