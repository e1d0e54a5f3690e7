import { createRoute, z } from '@hono/zod-openapi';
import { requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  instantSchema,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  takes,
  tenantParam,
} from '../api/schemas.ts';
import type { ProviderAccount } from './account-repository.ts';
import type { Tenancy } from './index.ts';
import { audTenantSchema } from './schema.ts';

const tags = ['Tenants'];
const path = '/v1/providers/{provider}/tenant-links';
const params = z.object({ provider: providerParam });
const oneParams = params.extend({ tenant: tenantParam });
const accountSchema = z
  .object({
    provider: z.string(),
    tenant: z.string(),
    audTenant: z.string(),
    updatedAt: instantSchema,
  })
  .openapi('ProviderTenantLink');
const one = (description: string) => ({ 200: answers(accountSchema, description) });

const put = createRoute({
  method: 'put',
  path: `${path}/{tenant}`,
  operationId: 'linkProviderTenant',
  tags,
  summary: 'Say under which id a provider knows a tenant',
  description:
    'Tokens for all of its agents carry it as `aud_tenant` from the next one on. A provider says it of its customers',
  request: { params: oneParams, ...takes(z.strictObject({ audTenant: audTenantSchema })) },
  responses: { ...one('Linked'), ...problems(400, 401, 403, 404, 409) },
});
const read = createRoute({
  method: 'get',
  path: `${path}/{tenant}`,
  operationId: 'getProviderTenantLink',
  tags,
  summary: 'Under which id a provider knows a tenant',
  request: { params: oneParams },
  responses: { ...one('The link'), ...problems(401, 403, 404) },
});
const list = createRoute({
  method: 'get',
  path,
  operationId: 'listProviderTenantLinks',
  tags,
  summary: 'List a provider’s own ids for tenants',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(accountSchema), 'One page'), ...problems(400, 401, 403) },
});
const remove = createRoute({
  method: 'delete',
  path: `${path}/{tenant}`,
  operationId: 'unlinkProviderTenant',
  tags,
  summary: 'Take away a provider’s own id for a tenant',
  request: { params: oneParams },
  responses: { ...one('Taken away'), ...problems(400, 401, 403, 404, 409) },
});

export function addAccountRoutes(router: Router, tenancy: Tenancy): void {
  router.openapi(put, async (c) => {
    const place = c.req.valid('param');
    const by = requireParty(c, `provider:${place.provider}`, 'tenancy:write');
    return c.json(present(await tenancy.linkAccount({ ...place, ...c.req.valid('json') }, by)), 200);
  });
  router.openapi(read, async (c) => {
    const { provider, tenant } = c.req.valid('param');
    requireParty(c, `provider:${provider}`, 'tenancy:read');
    return c.json(present(await tenancy.readAccount(provider, tenant)), 200);
  });
  router.openapi(list, async (c) => {
    const { provider } = c.req.valid('param');
    requireParty(c, `provider:${provider}`, 'tenancy:read');
    return c.json(
      presentPage(await tenancy.listAccounts(provider, defined(c.req.valid('query'))), present),
      200,
    );
  });
  router.openapi(remove, async (c) => {
    const place = c.req.valid('param');
    const by = requireParty(c, `provider:${place.provider}`, 'tenancy:write');
    return c.json(present(await tenancy.unlinkAccount(place, by)), 200);
  });
}

function present({ updatedAt, ...account }: ProviderAccount) {
  return { ...account, updatedAt: instant(updatedAt) };
}
