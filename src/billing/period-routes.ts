import { createRoute, z } from '@hono/zod-openapi';
import { setContentEtag } from '../api/etag.ts';
import { requireOperator } from '../api/guards.ts';
import { defined, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, pageQuerySchema, problems } from '../api/schemas.ts';
import type { Billing } from './index.ts';
import { presentJournalEntry, presentPeriod } from './present-books.ts';
import { closeSchema, journalEntrySchema, periodAnswerSchema, periodSchema } from './z-period.ts';

const tags = ['Billing'];
const params = z.object({ period: periodSchema.openapi({ description: 'The month' }) });
const onePeriod = answers(periodAnswerSchema, 'Its state and, once closed, its sums');

const listPeriods = createRoute({
  method: 'get',
  path: '/v1/billing/periods',
  operationId: 'listBillingPeriods',
  tags,
  summary: 'Months that have usage, oldest first (operator)',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(periodAnswerSchema), 'One page'), ...problems(400, 401, 403) },
});

const getPeriod = createRoute({
  method: 'get',
  path: '/v1/billing/periods/{period}',
  operationId: 'getBillingPeriod',
  tags,
  summary: 'A month’s books (operator)',
  request: { params },
  responses: { 200: onePeriod, ...problems(400, 401, 403) },
});

const getClose = createRoute({
  ...getPeriod,
  path: '/v1/billing/periods/{period}/close',
  operationId: 'getBillingPeriodClose',
  summary: 'How far the close of a month is (operator)',
});

const closePeriod = createRoute({
  method: 'post',
  path: '/v1/billing/periods/{period}/close',
  operationId: 'closeBillingPeriod',
  tags,
  summary: 'Close a month: its invoices and settlements become final (operator)',
  description:
    'Possible 72 hours after the month has ended, or `early`; months are closed in their order. ' +
    'Safe to repeat, also after it was interrupted: it goes on where it stopped. ' +
    '`tie_out_failed` (500): the sums do not agree, nothing was made final, and the log says which',
  request: {
    params,
    body: { required: false, content: { 'application/json': { schema: closeSchema } } },
  },
  responses: { 200: answers(periodAnswerSchema, 'Closed'), ...problems(400, 401, 403, 409, 500, 503) },
});

const getJournal = createRoute({
  method: 'get',
  path: '/v1/billing/periods/{period}/journal',
  operationId: 'listJournalEntries',
  tags,
  summary: 'A month’s journal, in double entry (operator)',
  request: { params, query: pageQuerySchema },
  responses: { 200: answers(pageOf(journalEntrySchema), 'One page'), ...problems(400, 401, 403) },
});

export function addPeriodRoutes(router: Router, billing: Billing): void {
  router.openapi(listPeriods, async (c) => {
    requireOperator(c);
    const { items, cursor } = await billing.listPeriods(defined(c.req.valid('query')));
    const present = await Promise.all(items.map((period) => stateOf(billing, period)));
    return c.json({ items: present, ...(cursor === undefined ? {} : { nextCursor: cursor }) }, 200);
  });
  for (const route of [getPeriod, getClose] as const)
    router.openapi(route, async (c) => {
      requireOperator(c);
      const body = await stateOf(billing, c.req.valid('param').period);
      setContentEtag(c, body);
      return c.json(body, 200);
    });
  router.openapi(closePeriod, async (c) => {
    const by = requireOperator(c);
    const { period } = c.req.valid('param');
    // Without a body there is nothing to validate, and nothing is early.
    const early = (c.req.valid('json') as { early?: boolean } | undefined)?.early ?? false;
    const record = await billing.closePeriod(period, { early, by });
    return c.json(presentPeriod(period, record.state, record), 200);
  });
  router.openapi(getJournal, async (c) => {
    requireOperator(c);
    const page = await billing.journal(c.req.valid('param').period, defined(c.req.valid('query')));
    return c.json(presentPage(page, presentJournalEntry), 200);
  });
}

async function stateOf(billing: Billing, period: string) {
  const { state, record } = await billing.periodState(period);
  return presentPeriod(period, state, record);
}
