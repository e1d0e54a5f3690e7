import { createRoute, z } from '@hono/zod-openapi';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireOperator, requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import { createRouter, type Router } from '../api/router.ts';
import {
  answers,
  madeIdParam,
  pageOf,
  pageQuerySchema,
  problems,
  takes,
  tenantParam,
} from '../api/schemas.ts';
import { addAccountRoutes } from './account-routes.ts';
import type { Tenancy } from './index.ts';
import {
  newSubscriptionSchema,
  newTenantSchema,
  reasonSchema,
  subscriptionSchema,
  tenantChangeSchema,
  tenantSchema,
} from './schema.ts';
import type { Subscription, Tenant } from './tenant.ts';

const tags = ['Tenants'];
const params = z.object({ tenant: tenantParam });
const oneTenant = { 200: answers(tenantSchema, 'The tenant') };

const createTenantRoute = createRoute({
  method: 'post',
  path: '/v1/tenants',
  operationId: 'createTenant',
  tags,
  summary: 'Create a tenant (operator)',
  request: takes(newTenantSchema),
  responses: { 201: answers(tenantSchema, 'Created'), ...problems(400, 401, 403, 409) },
});

const listTenantsRoute = createRoute({
  method: 'get',
  path: '/v1/tenants',
  operationId: 'listTenants',
  tags,
  summary: 'List tenants (operator)',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(tenantSchema), 'One page'), ...problems(400, 401, 403) },
});

const getTenantRoute = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}',
  operationId: 'getTenant',
  tags,
  summary: 'Read a tenant',
  request: { params },
  responses: { ...oneTenant, ...problems(401, 403, 404) },
});

const patchTenantRoute = createRoute({
  method: 'patch',
  path: '/v1/tenants/{tenant}',
  operationId: 'changeTenant',
  tags,
  summary: 'Change a tenant (operator)',
  description: '`null` takes an optional field away. Honours `If-Match`',
  request: { params, ...takes(tenantChangeSchema) },
  responses: { ...oneTenant, ...problems(400, 401, 403, 404, 409, 412) },
});

const suspendTenantRoute = createRoute({
  method: 'post',
  path: '/v1/tenants/{tenant}/suspend',
  operationId: 'suspendTenant',
  tags,
  summary: 'Stop everything for a tenant, at once (operator)',
  request: { params, ...takes(reasonSchema) },
  responses: { ...oneTenant, ...problems(400, 401, 403, 404, 409, 412) },
});

const reinstateTenantRoute = createRoute({
  method: 'post',
  path: '/v1/tenants/{tenant}/reinstate',
  operationId: 'reinstateTenant',
  tags,
  summary: 'Let a suspended tenant work again (operator)',
  request: { params, ...takes(reasonSchema) },
  responses: { ...oneTenant, ...problems(400, 401, 403, 404, 409, 412) },
});

const subscribeRoute = createRoute({
  method: 'post',
  path: '/v1/tenants/{tenant}/subscriptions',
  operationId: 'createSubscription',
  tags,
  summary: 'Subscribe a tenant to an agent',
  request: { params, ...takes(newSubscriptionSchema) },
  responses: { 201: answers(subscriptionSchema, 'Subscribed'), ...problems(400, 401, 403, 404, 409, 422) },
});

const listSubscriptionsRoute = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/subscriptions',
  operationId: 'listSubscriptions',
  tags,
  summary: 'List a tenant’s subscriptions',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(subscriptionSchema), 'One page'), ...problems(400, 401, 403) },
});

const cancelSubscriptionRoute = createRoute({
  method: 'delete',
  path: '/v1/tenants/{tenant}/subscriptions/{subscription}',
  operationId: 'cancelSubscription',
  tags,
  summary: 'Cancel a subscription, at once',
  request: { params: params.extend({ subscription: madeIdParam('subscription') }) },
  responses: { 200: answers(subscriptionSchema, 'Cancelled'), ...problems(400, 401, 403, 404, 409) },
});

export function tenancyRoutes(tenancy: Tenancy): Router {
  const router = createRouter();
  addAccountRoutes(router, tenancy);

  router.openapi(createTenantRoute, async (c) => {
    const by = requireOperator(c);
    const { tenant, version } = await tenancy.createTenant(defined(c.req.valid('json')), by);
    setEtag(c, version);
    return c.json(presentTenant(tenant), 201);
  });
  router.openapi(listTenantsRoute, async (c) => {
    requireOperator(c);
    return c.json(presentPage(await tenancy.listTenants(defined(c.req.valid('query'))), presentTenant), 200);
  });
  router.openapi(getTenantRoute, async (c) => {
    const id = c.req.valid('param').tenant;
    requireParty(c, `tenant:${id}`, 'tenancy:read');
    const { tenant, version } = await tenancy.readTenant(id);
    setEtag(c, version);
    return c.json(presentTenant(tenant), 200);
  });
  router.openapi(patchTenantRoute, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { tenant, version } = await tenancy.updateTenant(
      c.req.valid('param').tenant,
      c.req.valid('json'),
      update,
    );
    setEtag(c, version);
    return c.json(presentTenant(tenant), 200);
  });
  router.openapi(suspendTenantRoute, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { tenant, version } = await tenancy.suspendTenant(
      c.req.valid('param').tenant,
      c.req.valid('json').reason,
      update,
    );
    setEtag(c, version);
    return c.json(presentTenant(tenant), 200);
  });
  router.openapi(reinstateTenantRoute, async (c) => {
    const update = { by: requireOperator(c), version: ifMatch(c) };
    const { tenant, version } = await tenancy.reinstateTenant(
      c.req.valid('param').tenant,
      c.req.valid('json').reason,
      update,
    );
    setEtag(c, version);
    return c.json(presentTenant(tenant), 200);
  });
  router.openapi(subscribeRoute, async (c) => {
    const { tenant } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'tenancy:write');
    const { expiresAt, ...input } = defined(c.req.valid('json'));
    const subscription = await tenancy.subscribe(
      tenant,
      expiresAt === undefined ? input : { ...input, expiresAt: Date.parse(expiresAt) },
      by,
    );
    return c.json(presentSubscription(subscription), 201);
  });
  router.openapi(listSubscriptionsRoute, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'tenancy:read');
    const page = await tenancy.listSubscriptions(tenant, defined(c.req.valid('query')));
    return c.json(presentPage(page, presentSubscription), 200);
  });
  router.openapi(cancelSubscriptionRoute, async (c) => {
    const { tenant, subscription } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'tenancy:write');
    return c.json(presentSubscription(await tenancy.cancelSubscription(tenant, subscription, by)), 200);
  });
  return router;
}

function presentTenant({ blocksUsers: _, residency, createdAt, updatedAt, ...rest }: Tenant) {
  return {
    ...rest,
    ...(residency === undefined ? {} : { residency: [...residency] }),
    createdAt: instant(createdAt),
    updatedAt: instant(updatedAt),
  };
}

function presentSubscription({ scopes, createdAt, expiresAt, cancelledAt, ...rest }: Subscription) {
  return {
    ...rest,
    scopes: [...scopes],
    createdAt: instant(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
    ...(cancelledAt === undefined ? {} : { cancelledAt: instant(cancelledAt) }),
  };
}
