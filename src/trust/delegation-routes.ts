import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from '../api/guards.ts';
import { defined, instant } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  madeIdParam,
  madeIdSchema,
  pageOf,
  pageQuerySchema,
  problems,
  takes,
} from '../api/schemas.ts';
import type { Trust } from './index.ts';
import { reasonSchema } from './schema.ts';
import { delegationSchema } from './z-delegation.ts';
import type { DelegationView } from './show-delegations.ts';

const tags = ['Trust'];
const params = z.object({ delegation: madeIdParam('delegation') });

const list = createRoute({
  method: 'get',
  path: '/v1/delegations',
  operationId: 'listDelegations',
  tags,
  summary: 'The tree of one chain of calls',
  description:
    'A tenant sees all that was done in its name, a provider the links that it took part in. Each names its `parent`, and comes after it',
  request: {
    query: pageQuerySchema.extend({
      txn: madeIdSchema.openapi({ description: 'The chain, as in `txn` of its tokens and of the audit log' }),
    }),
  },
  responses: { 200: answers(pageOf(delegationSchema), 'One page'), ...problems(400, 401, 403) },
});
const read = createRoute({
  method: 'get',
  path: '/v1/delegations/{delegation}',
  operationId: 'getDelegation',
  tags,
  summary: 'Read one delegation',
  request: { params },
  responses: { 200: answers(delegationSchema, 'The delegation'), ...problems(401, 403, 404) },
});
const revoke = createRoute({
  method: 'post',
  path: '/v1/delegations/{delegation}/revoke',
  operationId: 'revokeDelegation',
  tags,
  summary: 'Revoke a delegation; everything that continues it stops',
  description:
    'By the tenant in whose name it is, or the company at either end of it. The first reason stays',
  request: { params, ...takes(reasonSchema) },
  responses: { 200: answers(delegationSchema, 'Revoked'), ...problems(400, 401, 403, 404, 409) },
});

export function addDelegationRoutes(router: Router, trust: Trust): void {
  router.openapi(list, async (c) => {
    const by = requireScope(c, 'trust:read');
    const { txn, ...page } = c.req.valid('query');
    const { items, cursor } = await trust.listDelegations(txn, defined(page), by);
    return c.json(
      {
        items: items.map(presentDelegation),
        ...(cursor === undefined ? {} : { nextCursor: cursor }),
      },
      200,
    );
  });
  router.openapi(read, async (c) => {
    const by = requireScope(c, 'trust:read');
    const { delegation } = c.req.valid('param');
    return c.json(presentDelegation(await trust.readDelegation(delegation, by)), 200);
  });
  router.openapi(revoke, async (c) => {
    const by = requireScope(c, 'trust:write');
    const { delegation } = c.req.valid('param');
    const { reason } = c.req.valid('json');
    return c.json(presentDelegation(await trust.revokeDelegation(delegation, reason, by)), 200);
  });
}

function presentDelegation({
  clientId,
  scope,
  issuedAt,
  expiresAt,
  revokedAt,
  revokedReason,
  ...rest
}: DelegationView) {
  return {
    ...rest,
    client: clientId,
    scopes: [...scope],
    issuedAt: instant(issuedAt * 1000),
    expiresAt: instant(expiresAt * 1000),
    ...(revokedAt === undefined ? {} : { revokedAt: instant(revokedAt * 1000) }),
    ...(revokedReason === undefined ? {} : { reason: revokedReason }),
  };
}
