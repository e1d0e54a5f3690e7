import { createRoute } from '@hono/zod-openapi';
import { requireOperator, requirePrincipal } from '../api/guards.ts';
import { defined } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems, takes } from '../api/schemas.ts';
import type { Billing } from './index.ts';
import { meterSchema, newMeterSchema } from './z-prices.ts';

const tags = ['Prices'];

const defineMeter = createRoute({
  method: 'post',
  path: '/v1/meters',
  operationId: 'defineMeter',
  tags,
  summary: 'Define a meter on which providers report (operator)',
  description: 'A key means one thing for ever; the same again changes nothing',
  request: takes(newMeterSchema),
  responses: { 201: answers(meterSchema, 'Defined'), ...problems(400, 401, 403, 409) },
});

const listMeters = createRoute({
  method: 'get',
  path: '/v1/meters',
  operationId: 'listMeters',
  tags,
  summary: 'List meters, the broker’s own first',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(meterSchema), 'One page'), ...problems(400, 401) },
});

export function addMeterRoutes(router: Router, billing: Billing): void {
  router.openapi(defineMeter, async (c) => {
    const by = requireOperator(c);
    return c.json(await billing.meters.define(c.req.valid('json'), by), 201);
  });
  router.openapi(listMeters, async (c) => {
    requirePrincipal(c);
    const { items, cursor } = await billing.meters.list(defined(c.req.valid('query')));
    return c.json({ items: [...items], ...(cursor === undefined ? {} : { nextCursor: cursor }) }, 200);
  });
}
