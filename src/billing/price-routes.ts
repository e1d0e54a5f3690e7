import { createRoute, z } from '@hono/zod-openapi';
import { setContentEtag } from '../api/etag.ts';
import { requireOperator, requireParty, requirePrincipal } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  slugSchema,
  takes,
} from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import type { Contract } from './contract.ts';
import type { NewPlan } from './define-plan.ts';
import type { Billing } from './index.ts';
import type { Plan } from './plan.ts';
import { contractSchema, newContractSchema, newPlanSchema, planSchema } from './z-prices.ts';

const tags = ['Prices'];

const definePlan = createRoute({
  method: 'post',
  path: '/v1/plans',
  operationId: 'definePlan',
  tags,
  summary: 'Define a plan (operator)',
  description: 'A plan never changes; the same again changes nothing',
  request: takes(newPlanSchema),
  responses: { 201: answers(planSchema, 'Defined'), ...problems(400, 401, 403, 409, 422) },
});

const listPlans = createRoute({
  method: 'get',
  path: '/v1/plans',
  operationId: 'listPlans',
  tags,
  summary: 'List plans: the price list, which every client may read',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(planSchema), 'One page'), ...problems(400, 401) },
});

const getPlan = createRoute({
  method: 'get',
  path: '/v1/plans/{plan}',
  operationId: 'getPlan',
  tags,
  summary: 'Read a plan',
  request: { params: z.object({ plan: slugSchema.openapi({ description: 'Key of the plan' }) }) },
  responses: { 200: answers(planSchema, 'The plan'), ...problems(400, 401, 404) },
});

const params = z.object({ provider: providerParam });

const setContract = createRoute({
  method: 'post',
  path: '/v1/providers/{provider}/contracts',
  operationId: 'setContract',
  tags,
  summary: 'Agree on a commission with a provider, from a month on (operator)',
  request: { params, ...takes(newContractSchema) },
  responses: { 201: answers(contractSchema, 'Agreed'), ...problems(400, 401, 403, 409, 422) },
});

const listContracts = createRoute({
  method: 'get',
  path: '/v1/providers/{provider}/contracts',
  operationId: 'listContracts',
  tags,
  summary: 'List a provider’s contracts',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(contractSchema), 'One page'), ...problems(400, 401, 403) },
});

export function addPriceRoutes(router: Router, billing: Billing): void {
  router.openapi(definePlan, async (c) => {
    const by = requireOperator(c);
    return c.json(presentPlan(await billing.definePlan(c.req.valid('json') as NewPlan, by)), 201);
  });
  router.openapi(listPlans, async (c) => {
    requirePrincipal(c);
    return c.json(presentPage(await billing.listPlans(defined(c.req.valid('query'))), presentPlan), 200);
  });
  router.openapi(getPlan, async (c) => {
    requirePrincipal(c);
    const plan = await billing.findPlan(c.req.valid('param').plan);
    if (plan === undefined) throw new Fault('not_found', 'There is no such plan.');
    const body = presentPlan(plan);
    setContentEtag(c, body);
    return c.json(body, 200);
  });
  router.openapi(setContract, async (c) => {
    const by = requireOperator(c);
    const { provider } = c.req.valid('param');
    return c.json(presentContract(await billing.setContract(provider, c.req.valid('json'), by)), 201);
  });
  router.openapi(listContracts, async (c) => {
    const { provider } = c.req.valid('param');
    requireParty(c, `provider:${provider}`, 'billing:read');
    const page = await billing.listContracts(provider, defined(c.req.valid('query')));
    return c.json(presentPage(page, presentContract), 200);
  });
}

function presentPlan({ prices, createdAt, ...rest }: Plan): z.input<typeof planSchema> {
  return {
    ...rest,
    prices: [...prices] as z.input<typeof planSchema>['prices'],
    createdAt: instant(createdAt),
  };
}

function presentContract({ createdAt, ...rest }: Contract) {
  return { ...rest, createdAt: instant(createdAt) };
}
