import { createRoute, z } from '@hono/zod-openapi';
import { requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  instantSchema,
  madeIdParam,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  slugSchema,
  takes,
  tenantParam,
} from '../api/schemas.ts';
import type { Party } from '../kernel/principal.ts';
import type { Trust } from './index.ts';
import type { LinkView } from './link-tenant.ts';
import { maxExternalIdLength } from './map-tenant.ts';
import { issuerSchema } from './schema.ts';

const tags = ['Trust'];
const externalIdSchema = z
  .string()
  .min(1)
  .max(maxExternalIdLength)
  .openapi({ description: 'The tenant’s id at the issuer, as its tenant mapping gives it' });
const linkSchema = z
  .object({
    id: z.string(),
    issuer: z.string(),
    externalId: z.string(),
    tenant: z.string(),
    status: z.enum(['active', 'waiting']).openapi({
      description: '`waiting` until the other side, tenant or issuer’s owner, has said the same',
    }),
    createdAt: instantSchema,
  })
  .openapi('TenantLink');
const linkParam = { link: madeIdParam('link') };
const made = { 201: answers(linkSchema, 'Said') };
const onePage = { 200: answers(pageOf(linkSchema), 'One page') };
const removed = { 200: answers(linkSchema, 'Removed'), ...problems(400, 401, 403, 404, 409) };

export function addLinkRoutes(router: Router, trust: Trust): void {
  addTenantRoutes(router, trust);
  addIssuerRoutesFor(router, trust, { kind: 'provider', Kind: 'Provider', param: providerParam });
  addIssuerRoutesFor(router, trust, { kind: 'tenant', Kind: 'Tenant', param: tenantParam });
}

/** The tenant's half. */
function addTenantRoutes(router: Router, trust: Trust): void {
  const params = z.object({ tenant: tenantParam });
  const path = '/v1/tenants/{tenant}/links';
  const create = createRoute({
    method: 'post',
    path,
    operationId: 'createTenantLink',
    tags,
    summary: 'Agree that an issuer which serves many tenants speaks for this one',
    description: 'It holds when the issuer’s owner says the same. The operator says both',
    request: {
      params,
      ...takes(z.strictObject({ issuer: issuerSchema, externalId: externalIdSchema })),
    },
    responses: { ...made, ...problems(400, 401, 403, 409, 422) },
  });
  const list = createRoute({
    method: 'get',
    path,
    operationId: 'listTenantLinks',
    tags,
    summary: 'List the issuers that a tenant agreed to',
    request: { params, query: pageQuerySchema },
    responses: { ...onePage, ...problems(400, 401, 403) },
  });
  const remove = createRoute({
    method: 'delete',
    path: `${path}/{link}`,
    operationId: 'removeTenantLink',
    tags,
    summary: 'Let an issuer speak for a tenant no longer, at once',
    request: { params: params.extend(linkParam) },
    responses: removed,
  });

  router.openapi(create, async (c) => {
    const { tenant } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'trust:write');
    return c.json(present(await trust.agreeToLink(tenant, c.req.valid('json'), by)), 201);
  });
  router.openapi(list, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'trust:read');
    const page = await trust.listTenantLinks(tenant, defined(c.req.valid('query')));
    return c.json(presentPage(page, present), 200);
  });
  router.openapi(remove, async (c) => {
    const { tenant, link } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'trust:write');
    return c.json(present(await trust.removeTenantLink(tenant, link, by)), 200);
  });
}

interface PartyKind {
  readonly kind: 'provider' | 'tenant';
  readonly Kind: string;
  readonly param: typeof providerParam;
}

/** The issuer's owner's half. */
function addIssuerRoutesFor(router: Router, trust: Trust, { kind, Kind, param }: PartyKind): void {
  const params = z.object({ [kind]: param, issuer: madeIdParam('trust record') });
  const ownerOf = (from: Readonly<Record<string, string>>): Party => `${kind}:${from[kind] ?? ''}`;
  const path = `/v1/${kind}s/{${kind}}/issuers/{issuer}/links`;
  const create = createRoute({
    method: 'post',
    path,
    operationId: `link${Kind}IssuerTenant`,
    tags,
    summary: `Say which tenant an external id of a ${kind}’s issuer is`,
    description: 'It holds when that tenant agrees. The operator says both',
    request: {
      params,
      ...takes(z.strictObject({ externalId: externalIdSchema, tenant: slugSchema })),
    },
    responses: { ...made, ...problems(400, 401, 403, 404, 409, 422) },
  });
  const list = createRoute({
    method: 'get',
    path,
    operationId: `list${Kind}IssuerLinks`,
    tags,
    summary: `List the tenants of a ${kind}’s issuer`,
    request: { params, query: pageQuerySchema },
    responses: { ...onePage, ...problems(400, 401, 403, 404) },
  });
  const remove = createRoute({
    method: 'delete',
    path: `${path}/{link}`,
    operationId: `remove${Kind}IssuerLink`,
    tags,
    summary: `Take a tenant from a ${kind}’s issuer, at once`,
    request: { params: params.extend(linkParam) },
    responses: removed,
  });

  router.openapi(create, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    const by = requireParty(c, ownerOf(party), 'trust:write');
    return c.json(present(await trust.stateLink(ownerOf(party), issuer, c.req.valid('json'), by)), 201);
  });
  router.openapi(list, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    requireParty(c, ownerOf(party), 'trust:read');
    const page = await trust.listIssuerLinks(ownerOf(party), issuer, defined(c.req.valid('query')));
    return c.json(presentPage(page, present), 200);
  });
  router.openapi(remove, async (c) => {
    const { issuer = '', link = '', ...party } = c.req.valid('param');
    const by = requireParty(c, ownerOf(party), 'trust:write');
    return c.json(present(await trust.removeIssuerLink(ownerOf(party), issuer, link, by)), 200);
  });
}

function present({ createdAt, ...link }: LinkView) {
  return { ...link, createdAt: instant(createdAt) };
}
