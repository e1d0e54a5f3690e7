import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { setContentEtag } from '../api/etag.ts';
import { requireParty, requireScope } from '../api/guards.ts';
import { defined, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, madeIdParam, pageOf, problems, tenantParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { Billing } from './index.ts';
import {
  presentDraftInvoices,
  presentInvoice,
  presentInvoiceHeader,
  presentSettlement,
  presentSettlementHeader,
} from './present-books.ts';
import {
  draftInvoicesSchema,
  draftQuerySchema,
  invoiceHeaderSchema,
  invoiceQuerySchema,
  invoiceSchema,
  settlementHeaderSchema,
  settlementQuerySchema,
  settlementSchema,
  tenantInvoiceQuerySchema,
} from './z-books.ts';

const tags = ['Billing'];
const listInvoices = createRoute({
  method: 'get',
  path: '/v1/invoices',
  operationId: 'listInvoices',
  tags,
  summary: 'List invoices, oldest month first; a tenant sees its own',
  request: { query: invoiceQuerySchema },
  responses: { 200: answers(pageOf(invoiceHeaderSchema), 'One page'), ...problems(400, 401, 403) },
});

const listTenantInvoices = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/invoices',
  operationId: 'listTenantInvoices',
  tags,
  summary: 'List a tenant’s invoices, oldest month first',
  request: { params: z.object({ tenant: tenantParam }), query: tenantInvoiceQuerySchema },
  responses: { 200: answers(pageOf(invoiceHeaderSchema), 'One page'), ...problems(400, 401, 403) },
});

const getDraftInvoices = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/invoices/draft',
  operationId: 'getDraftInvoices',
  tags,
  summary: 'What a tenant owes so far for a month that is not closed',
  description: 'Rated as the close will; nothing is kept. Default: the month to which usage posts now',
  request: { params: z.object({ tenant: tenantParam }), query: draftQuerySchema },
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
  summary: 'List settlements, oldest month first; a provider sees its own',
  description: 'One for each provider, month, currency and contract',
  request: { query: settlementQuerySchema },
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
  router.openapi(listInvoices, async (c) => {
    const { tenant, period, ...page } = defined(c.req.valid('query'));
    const filter = defined({ tenant: ownOf(c, 'tenant', tenant), period });
    return c.json(presentPage(await billing.listInvoices(page, filter), presentInvoiceHeader), 200);
  });
  router.openapi(listTenantInvoices, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'billing:read');
    const { period, ...page } = defined(c.req.valid('query'));
    const found = await billing.listInvoices(page, defined({ tenant, period }));
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
    const body = presentInvoice(invoice);
    setContentEtag(c, body);
    return c.json(body, 200);
  });
  router.openapi(listSettlements, async (c) => {
    const { provider, period, ...page } = defined(c.req.valid('query'));
    const filter = defined({ provider: ownOf(c, 'provider', provider), period });
    return c.json(presentPage(await billing.listSettlements(page, filter), presentSettlementHeader), 200);
  });
  router.openapi(getSettlement, async (c) => {
    const principal = requireScope(c, 'billing:read');
    const settlement = await billing.findSettlement(c.req.valid('param').id);
    if (settlement === undefined || !isVisible(principal, `provider:${settlement.provider}`))
      throw new Fault('not_found', 'There is no such settlement.');
    const body = presentSettlement(settlement);
    setContentEtag(c, body);
    return c.json(body, 200);
  });
}

function isVisible(principal: Principal, owner: Party): boolean {
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
  const own = partyId(principal.owner);
  if (partyKind(principal.owner) !== kind || (asked !== undefined && asked !== own))
    throw new Fault('forbidden', `This token may only read documents of ${principal.owner}.`);
  return own;
}
