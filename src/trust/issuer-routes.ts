import { createRoute, z } from '@hono/zod-openapi';
import { requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  madeIdParam,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  takes,
  tenantParam,
} from '../api/schemas.ts';
import type { Party } from '../kernel/principal.ts';
import type { Trust } from './index.ts';
import type { JsonWebKeySet } from './key-set.ts';
import type { TrustRecord } from './model.ts';
import { issuerSchemaOut, newIssuerSchema } from './schema.ts';

const tags = ['Trust'];

/** The same three calls for the issuers of both kinds of party. */
export function addIssuerRoutes(router: Router, trust: Trust): void {
  addFor(router, trust, { kind: 'provider', Kind: 'Provider', param: providerParam });
  addFor(router, trust, { kind: 'tenant', Kind: 'Tenant', param: tenantParam });
}

interface PartyKind {
  readonly kind: 'provider' | 'tenant';
  /** For names. */
  readonly Kind: string;
  readonly param: typeof providerParam;
}

function addFor(router: Router, trust: Trust, { kind, Kind, param }: PartyKind): void {
  const params = z.object({ [kind]: param });
  const ownerOf = (param: Readonly<Record<string, string>>): Party => `${kind}:${param[kind] ?? ''}`;
  const path = `/v1/${kind}s/{${kind}}/issuers`;
  const create = createRoute({
    method: 'post',
    path,
    operationId: `register${Kind}Issuer`,
    tags,
    summary: `Register a ${kind}’s own issuer`,
    description: 'The key set is fetched and checked before the issuer is trusted',
    request: { params, ...takes(newIssuerSchema) },
    responses: { 201: answers(issuerSchemaOut, 'Trusted'), ...problems(400, 401, 403, 409, 422) },
  });
  const list = createRoute({
    method: 'get',
    path,
    operationId: `list${Kind}Issuers`,
    tags,
    summary: `List a ${kind}’s issuers`,
    request: { params, query: pageQuerySchema },
    responses: { 200: answers(pageOf(issuerSchemaOut), 'One page'), ...problems(400, 401, 403) },
  });
  const move = createRoute({
    method: 'post',
    path: `${path}/{issuer}/{step}`,
    operationId: `set${Kind}IssuerStatus`,
    tags,
    summary: `Disable or enable a ${kind}’s issuer, at once`,
    request: {
      params: params.extend({
        issuer: madeIdParam('trust record'),
        step: z.enum(['disable', 'enable']).openapi({ description: 'What to do' }),
      }),
    },
    responses: { 200: answers(issuerSchemaOut, 'Changed'), ...problems(400, 401, 403, 404, 409) },
  });

  router.openapi(create, async (c) => {
    const owner = ownerOf(c.req.valid('param'));
    const by = requireParty(c, owner, 'trust:write');
    const { jwks, expiresAt, ...input } = defined(c.req.valid('json'));
    const record = await trust.registerIssuer(
      owner,
      {
        ...input,
        ...(jwks === undefined ? {} : { jwks: jwks as JsonWebKeySet }),
        ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
      },
      by,
    );
    return c.json(presentIssuer(record), 201);
  });
  router.openapi(list, async (c) => {
    const owner = ownerOf(c.req.valid('param'));
    requireParty(c, owner, 'trust:read');
    const page = await trust.listIssuers(owner, defined(c.req.valid('query')));
    return c.json(presentPage(page, presentIssuer), 200);
  });
  router.openapi(move, async (c) => {
    const { issuer = '', step, ...party } = c.req.valid('param');
    const owner = ownerOf(party);
    const by = requireParty(c, owner, 'trust:write');
    const status = step === 'disable' ? 'disabled' : 'active';
    return c.json(presentIssuer(await trust.setIssuerStatus(owner, issuer, status, by)), 200);
  });
}

function presentIssuer({ jwks: _, algorithms, createdAt, expiresAt, ...rest }: TrustRecord) {
  return {
    ...rest,
    algorithms: [...algorithms],
    createdAt: instant(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
  };
}
