import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { requireOperator, requireParty, requireScope } from '../api/guards.ts';
import { defined, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  madeIdParam,
  pageOf,
  pageQuerySchema,
  problems,
  slugSchema,
  tenantParam,
} from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import type { Party } from '../kernel/principal.ts';
import type { Billing } from './index.ts';
import type { PeriodState } from './period.ts';
import {
  presentDraftInvoices,
  presentInvoice,
  presentInvoiceHeader,
  presentJournalEntry,
  presentPeriod,
  presentSettlement,
  presentSettlementHeader,
} from './present-books.ts';
import {
  closeSchema,
  draftInvoicesSchema,
  invoiceHeaderSchema,
  invoiceSchema,
  journalEntrySchema,
  periodAnswerSchema,
  periodSchema,
  settlementHeaderSchema,
  settlementSchema,
} from './schema.ts';

const tags = ['Billing'];
const periodParams = z.object({ period: periodSchema.openapi({ description: 'The month' }) });
const ofPeriod = periodSchema.optional().openapi({ description: 'Of this month' });

const listPeriods = createRoute({
  method: 'get',
  path: '/v1/billing/periods',
  operationId: 'listBillingPeriods',
  tags,
  summary: 'Months that have usage (operator)',
  responses: {
    200: answers(z.object({ items: z.array(periodAnswerSchema) }), 'All, oldest first'),
    ...problems(401, 403),
  },
});

const getPeriod = createRoute({
  method: 'get',
  path: '/v1/billing/periods/{period}',
  operationId: 'getBillingPeriod',
  tags,
  summary: 'A month’s books (operator)',
  request: { params: periodParams },
  responses: {
    200: answers(periodAnswerSchema, 'Its state and, once closed, its sums'),
    ...problems(400, 401, 403),
  },
});

const closePeriod = createRoute({
  method: 'post',
  path: '/v1/billing/periods/{period}/close',
  operationId: 'closeBillingPeriod',
  tags,
  summary: 'Close a month: invoices and settlements become final (operator)',
  description: 'Safe to repeat, also after it was interrupted: it goes on where it stopped',
  request: {
    params: periodParams,
    body: { required: false, content: { 'application/json': { schema: closeSchema } } },
  },
  responses: { 200: answers(periodAnswerSchema, 'Closed'), ...problems(400, 401, 403, 409, 500) },
});

const getJournal = createRoute({
  method: 'get',
  path: '/v1/billing/periods/{period}/journal',
  operationId: 'listJournalEntries',
  tags,
  summary: 'A month’s journal, in double entry (operator)',
  request: { params: periodParams, query: pageQuerySchema },
  responses: { 200: answers(pageOf(journalEntrySchema), 'One page'), ...problems(400, 401, 403) },
});

const listInvoices = createRoute({
  method: 'get',
  path: '/v1/invoices',
  operationId: 'listInvoices',
  tags,
  summary: 'List invoices; a tenant sees its own',
  request: {
    query: pageQuerySchema.extend({
      tenant: slugSchema.optional().openapi({ description: 'To this tenant' }),
      period: ofPeriod,
    }),
  },
  responses: { 200: answers(pageOf(invoiceHeaderSchema), 'One page'), ...problems(400, 401, 403) },
});

const listTenantInvoices = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/invoices',
  operationId: 'listTenantInvoices',
  tags,
  summary: 'List a tenant’s invoices',
  request: { params: z.object({ tenant: tenantParam }), query: pageQuerySchema },
  responses: { 200: answers(pageOf(invoiceHeaderSchema), 'One page'), ...problems(400, 401, 403) },
});

const getDraftInvoices = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/invoices/draft',
  operationId: 'getDraftInvoices',
  tags,
  summary: 'What a tenant owes so far for a month that is not closed',
  description: 'Rated as the close will; nothing is kept. Default: the month to which usage posts now',
  request: {
    params: z.object({ tenant: tenantParam }),
    query: z.object({ period: ofPeriod }),
  },
  responses: { 200: answers(draftInvoicesSchema, 'So far'), ...problems(400, 401, 403, 409) },
});

const getInvoice = createRoute({
  method: 'get',
  path: '/v1/invoices/{id}',
  operationId: 'getInvoice',
  tags,
  summary: 'Read an invoice with its lines',
  request: { params: z.object({ id: madeIdParam('invoice') }) },
  responses: { 200: answers(invoiceSchema, 'The invoice'), ...problems(400, 401, 403, 404) },
});

const listSettlements = createRoute({
  method: 'get',
  path: '/v1/settlements',
  operationId: 'listSettlements',
  tags,
  summary: 'List settlements; a provider sees its own',
  request: {
    query: pageQuerySchema.extend({
      provider: slugSchema.optional().openapi({ description: 'With this provider' }),
      period: ofPeriod,
    }),
  },
  responses: { 200: answers(pageOf(settlementHeaderSchema), 'One page'), ...problems(400, 401, 403) },
});

const getSettlement = createRoute({
  method: 'get',
  path: '/v1/settlements/{id}',
  operationId: 'getSettlement',
  tags,
  summary: 'Read a settlement with its lines',
  request: { params: z.object({ id: madeIdParam('settlement') }) },
  responses: { 200: answers(settlementSchema, 'The settlement'), ...problems(400, 401, 403, 404) },
});

export function addBooksRoutes(router: Router, billing: Billing): void {
  router.openapi(listPeriods, async (c) => {
    requireOperator(c);
    const items = await Promise.all((await billing.periods()).map((period) => stateOf(billing, period)));
    return c.json({ items }, 200);
  });
  router.openapi(getPeriod, async (c) => {
    requireOperator(c);
    return c.json(await stateOf(billing, c.req.valid('param').period), 200);
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
  router.openapi(listInvoices, async (c) => {
    const { tenant, period, ...page } = defined(c.req.valid('query'));
    const own = ownOf(c, 'tenant', tenant);
    const found = await billing.listInvoices(page, defined({ tenant: own, period }));
    return c.json(presentPage(found, presentInvoiceHeader), 200);
  });
  router.openapi(listTenantInvoices, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'billing:read');
    const found = await billing.listInvoices(defined(c.req.valid('query')), { tenant });
    return c.json(presentPage(found, presentInvoiceHeader), 200);
  });
  router.openapi(getDraftInvoices, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'billing:read');
    const drafts = await billing.draftInvoices(tenant, c.req.valid('query').period);
    return c.json(presentDraftInvoices(drafts), 200);
  });
  router.openapi(getInvoice, async (c) => {
    const principal = requireScope(c, 'billing:read');
    const invoice = await billing.findInvoice(c.req.valid('param').id);
    // Somebody else's and none at all are answered alike.
    if (invoice === undefined || !isVisible(principal, `tenant:${invoice.tenant}`))
      throw new Fault('not_found', 'There is no such invoice.');
    return c.json(presentInvoice(invoice), 200);
  });
  router.openapi(listSettlements, async (c) => {
    const { provider, period, ...page } = defined(c.req.valid('query'));
    const own = ownOf(c, 'provider', provider);
    const found = await billing.listSettlements(page, defined({ provider: own, period }));
    return c.json(presentPage(found, presentSettlementHeader), 200);
  });
  router.openapi(getSettlement, async (c) => {
    const principal = requireScope(c, 'billing:read');
    const settlement = await billing.findSettlement(c.req.valid('param').id);
    if (settlement === undefined || !isVisible(principal, `provider:${settlement.provider}`))
      throw new Fault('not_found', 'There is no such settlement.');
    return c.json(presentSettlement(settlement), 200);
  });
}

async function stateOf(billing: Billing, period: string) {
  const { state, record } = await billing.periodState(period);
  return presentPeriod(period, state satisfies PeriodState, record);
}

function isVisible(principal: ReturnType<typeof requireScope>, owner: Party): boolean {
  return principal.kind === 'operator' || principal.owner === owner;
}

/** Whose documents are listed: the caller's own, or for the operator whoever was asked for. */
function ownOf(
  c: Context<HttpEnv>,
  kind: 'tenant' | 'provider',
  asked: string | undefined,
): string | undefined {
  const principal = requireScope(c, 'billing:read');
  if (principal.kind === 'operator') return asked;
  const [ownKind, own] = principal.owner.split(':');
  if (ownKind !== kind || (asked !== undefined && asked !== own))
    throw new Fault('forbidden', `This token may only read documents of ${principal.owner}.`);
  return own;
}
