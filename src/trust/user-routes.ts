import { createRoute, z } from '@hono/zod-openapi';
import { requireParty } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems, takes, tenantParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import type { BlockedUser } from '../tenancy/index.ts';
import type { UserName } from './block-user.ts';
import type { Trust } from './index.ts';
import { blockedUserSchema, userDecisionSchema } from './z-user.ts';

const tags = ['Trust'];
const params = z.object({ tenant: tenantParam });

const list = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/users/blocked',
  operationId: 'listBlockedUsers',
  tags,
  summary: 'List a tenant’s blocked users',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(blockedUserSchema), 'One page'), ...problems(400, 401, 403) },
});
const block = createRoute({
  method: 'post',
  path: '/v1/tenants/{tenant}/users/block',
  operationId: 'blockUser',
  tags,
  summary: 'Let nothing be done in a user’s name any more, at once',
  description:
    'The user is named by `issuer` and `subject`, or by the pairwise `sub` that a `provider` knows. New tokens are refused, and live ones at the gateway',
  request: { params, ...takes(userDecisionSchema) },
  responses: { 200: answers(blockedUserSchema, 'Blocked'), ...problems(400, 401, 403, 404, 409, 422) },
});
const unblock = createRoute({
  method: 'post',
  path: '/v1/tenants/{tenant}/users/unblock',
  operationId: 'unblockUser',
  tags,
  summary: 'Let a blocked user work again',
  request: { params, ...takes(userDecisionSchema) },
  responses: { 200: answers(blockedUserSchema, 'What is no more'), ...problems(400, 401, 403, 404, 409) },
});

export function addUserRoutes(router: Router, trust: Trust): void {
  router.openapi(list, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'trust:read');
    const page = await trust.listBlockedUsers(tenant, defined(c.req.valid('query')));
    return c.json(presentPage(page, presentBlockedUser), 200);
  });
  router.openapi(block, async (c) => {
    const { tenant } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'trust:write');
    const { reason, ...name } = c.req.valid('json');
    return c.json(presentBlockedUser(await trust.blockUser(tenant, nameOf(name), reason, by)), 200);
  });
  router.openapi(unblock, async (c) => {
    const { tenant } = c.req.valid('param');
    const by = requireParty(c, `tenant:${tenant}`, 'trust:write');
    const { reason, ...name } = c.req.valid('json');
    return c.json(presentBlockedUser(await trust.unblockUser(tenant, nameOf(name), reason, by)), 200);
  });
}

/** The two ways to say who; anything between them is refused rather than guessed at. */
function nameOf({
  issuer,
  subject,
  provider,
  sub,
}: Omit<z.output<typeof userDecisionSchema>, 'reason'>): UserName {
  if (issuer !== undefined && subject !== undefined && provider === undefined && sub === undefined)
    return { issuer, subject };
  if (provider !== undefined && sub !== undefined && issuer === undefined && subject === undefined)
    return { provider, sub };
  throw new Fault('invalid_request', 'Name the user by issuer and subject, or by provider and sub.');
}

function presentBlockedUser({ blockedAt, ...rest }: BlockedUser) {
  return { ...rest, blockedAt: instant(blockedAt) };
}
