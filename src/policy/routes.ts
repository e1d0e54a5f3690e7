import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireOperator, requireParty, requireScope } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import { createRouter, type Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems, slugSchema, takes } from '../api/schemas.ts';
import type { ManagementScope, Principal } from '../kernel/principal.ts';
import { cedarSchema } from './cedar-schema.ts';
import type { ExchangeFacts } from './exchange-facts.ts';
import type { Decision, Policies } from './index.ts';
import type { Policy, PolicyOwner } from './policy.ts';
import {
  decisionSchema,
  newPolicySchema,
  ownerSchema,
  policyContentSchema,
  policySchema,
  trialSchema,
} from './schema.ts';

const tags = ['Policies'];
const owner = ownerSchema.optional().openapi({ description: 'Whose policies; default: the caller’s own' });
const params = z.object({
  policy: slugSchema.openapi({ description: 'Id of the policy, among its owner’s' }),
});
const query = z.object({ owner });

const createPolicyRoute = createRoute({
  method: 'post',
  path: '/v1/policies',
  operationId: 'createPolicy',
  tags,
  summary: 'Add a rule to the built-in ones',
  description:
    'A policy can only take away. `forbid` refuses what it names; who has an enabled `permit` allows only what theirs name',
  request: takes(newPolicySchema),
  responses: { 201: answers(policySchema, 'Created'), ...problems(400, 401, 403, 409, 422) },
});
const listPoliciesRoute = createRoute({
  method: 'get',
  path: '/v1/policies',
  operationId: 'listPolicies',
  tags,
  summary: 'List an owner’s policies',
  request: { query: pageQuerySchema.extend({ owner }) },
  responses: { 200: answers(pageOf(policySchema), 'One page'), ...problems(400, 401, 403) },
});
const schemaRoute = createRoute({
  method: 'get',
  path: '/v1/policies/schema',
  operationId: 'getPolicySchema',
  tags,
  summary: 'What policies may ask about, in Cedar’s schema language',
  responses: {
    200: answers(z.object({ schema: z.string() }).openapi('PolicySchema'), 'The schema'),
    ...problems(401, 403),
  },
});
const checkRoute = createRoute({
  method: 'post',
  path: '/v1/policies/check',
  operationId: 'checkPolicies',
  tags,
  summary: 'Ask what would be decided; nothing is issued',
  description: 'The facts are taken from the request and nothing is looked up',
  request: takes(trialSchema),
  responses: { 200: answers(decisionSchema, 'The decision'), ...problems(400, 401, 403, 422) },
});
const readPolicyRoute = createRoute({
  method: 'get',
  path: '/v1/policies/{policy}',
  operationId: 'getPolicy',
  tags,
  summary: 'Read a policy',
  request: { params, query },
  responses: { 200: answers(policySchema, 'The policy'), ...problems(400, 401, 403, 404) },
});
const replacePolicyRoute = createRoute({
  method: 'put',
  path: '/v1/policies/{policy}',
  operationId: 'replacePolicy',
  tags,
  summary: 'Replace a policy',
  description: 'What is left out is gone, or its default. Honours `If-Match`',
  request: { params, query, ...takes(policyContentSchema) },
  responses: { 200: answers(policySchema, 'Replaced'), ...problems(400, 401, 403, 404, 409, 412, 422) },
});
const deletePolicyRoute = createRoute({
  method: 'delete',
  path: '/v1/policies/{policy}',
  operationId: 'deletePolicy',
  tags,
  summary: 'Delete a policy',
  description: 'Honours `If-Match`',
  request: { params, query },
  responses: { 200: answers(policySchema, 'What it was'), ...problems(400, 401, 403, 404, 409, 412) },
});

export function policyRoutes(policies: Policies, now: () => number): Router {
  const router = createRouter();
  router.openapi(createPolicyRoute, async (c) => {
    const { owner: asked, ...input } = defined(c.req.valid('json'));
    const { by, owner: of } = requireOwner(c, asked, 'trust:write');
    const { policy, version } = await policies.createPolicy({ ...input, owner: of }, by);
    setEtag(c, version);
    return c.json(present(policy), 201);
  });
  router.openapi(listPoliciesRoute, async (c) => {
    const { owner: asked, ...page } = defined(c.req.valid('query'));
    const { owner: of } = requireOwner(c, asked, 'trust:read');
    return c.json(presentPage(await policies.listPolicies(of, page), present), 200);
  });
  router.openapi(schemaRoute, (c) => {
    requireScope(c, 'trust:read');
    return c.json({ schema: cedarSchema }, 200);
  });
  router.openapi(checkRoute, async (c) => {
    const { principal, resource, context, draft, owner: asked } = c.req.valid('json');
    const by = asked === undefined ? requireScope(c, 'trust:read') : requireOwner(c, asked, 'trust:read').by;
    const facts: ExchangeFacts = {
      client: { id: principal.client, owner: principal.owner, agent: principal.agent },
      agent: { ...resource, id: resource.agent },
      ...context,
      tenant: { id: context.tenant, tier: context.tier, region: context.region },
      actors: context.actors ?? [principal.client],
      at: context.time === undefined ? now() : Date.parse(context.time),
    };
    return c.json(presentDecision(await policies.tryPolicies({ facts, owner: asked, draft }, by)), 200);
  });
  router.openapi(readPolicyRoute, async (c) => {
    const name = nameOf(c, c.req.valid('param').policy, c.req.valid('query').owner, 'trust:read');
    const { policy, version } = await policies.readPolicy(name);
    setEtag(c, version);
    return c.json(present(policy), 200);
  });
  router.openapi(replacePolicyRoute, async (c) => {
    const { by, ...name } = nameOf(c, c.req.valid('param').policy, c.req.valid('query').owner, 'trust:write');
    const content = defined(c.req.valid('json'));
    const { policy, version } = await policies.replacePolicy(name, content, { by, version: ifMatch(c) });
    setEtag(c, version);
    return c.json(present(policy), 200);
  });
  router.openapi(deletePolicyRoute, async (c) => {
    const { by, ...name } = nameOf(c, c.req.valid('param').policy, c.req.valid('query').owner, 'trust:write');
    return c.json(present(await policies.deletePolicy(name, { by, version: ifMatch(c) })), 200);
  });
  return router;
}

function nameOf(c: Context<HttpEnv>, id: string, asked: PolicyOwner | undefined, scope: ManagementScope) {
  return { id, ...requireOwner(c, asked, scope) };
}

/** A party has its own policies and no others, whether or not there are any. */
function requireOwner(
  c: Context<HttpEnv>,
  asked: PolicyOwner | undefined,
  scope: ManagementScope,
): { readonly by: Principal; readonly owner: PolicyOwner } {
  if (asked === 'operator') return { by: requireOperator(c), owner: asked };
  if (asked !== undefined) return { by: requireParty(c, asked, scope), owner: asked };
  const by = requireScope(c, scope);
  return { by, owner: by.kind === 'operator' ? 'operator' : by.owner };
}

function present({ createdAt, updatedAt, ...policy }: Policy) {
  return { ...policy, createdAt: instant(createdAt), updatedAt: instant(updatedAt) };
}

function presentDecision({ decision, verdicts }: Decision) {
  return {
    decision,
    verdicts: verdicts.map((verdict) => ({
      ...verdict,
      policies: [...verdict.policies],
      errors: [...verdict.errors],
    })),
  };
}
