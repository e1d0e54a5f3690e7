import { createRoute, z } from '@hono/zod-openapi';
import { requireOperator, requireParty, requireScope } from '../api/guards.ts';
import { createRouter, type Router } from '../api/router.ts';
import {
  answers,
  instantSchema,
  madeIdSchema,
  pageOf,
  pageQuerySchema,
  problems,
  slugSchema,
  tenantParam,
} from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { Page } from '../storage/port.ts';
import type { Audit, AuditQuery } from './audit-log.ts';
import type { AuditRecord } from './entry.ts';

const auditEntrySchema = z
  .object({
    id: z.string(),
    at: instantSchema,
    action: z.string().openapi({ example: 'token.exchange' }),
    outcome: z.enum(['allowed', 'refused']),
    reason: z.string().optional(),
    actor: z.string().optional(),
    client: z.string().optional(),
    tenant: z.string().optional(),
    provider: z.string().optional(),
    agent: z.string().optional(),
    txn: z.string().optional(),
    detail: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi('AuditEntry');

const placeSchema = z.object({ log: z.string(), seq: z.int(), hash: z.string() });

const storedEntrySchema = auditEntrySchema
  .omit({ at: true })
  .extend({
    at: z.int().openapi({ description: 'Epoch milliseconds, as it is hashed' }),
    restricted: z.record(z.string(), z.unknown()).optional(),
    own: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
    chain: z
      .object({
        log: z.string(),
        seq: z.int(),
        prev: z.string(),
        settled: z.int(),
        skipped: z.array(placeSchema.omit({ log: true })).optional(),
        after: z.array(placeSchema).optional(),
      })
      .optional(),
  })
  .openapi('StoredAuditEntry');

const filterSchema = pageQuerySchema.extend({
  tenant: slugSchema.optional().openapi({ description: 'Only what concerns this tenant' }),
  provider: slugSchema.optional().openapi({ description: 'Only what concerns this provider' }),
  client: slugSchema.optional().openapi({ description: 'Only what this client did' }),
  txn: madeIdSchema.optional().openapi({ description: 'Only what belongs to this chain of calls' }),
});

const listAudit = createRoute({
  method: 'get',
  path: '/v1/audit',
  operationId: 'listAuditEntries',
  tags: ['Audit'],
  summary: 'Decisions and changes, newest first',
  description: 'The operator sees all; a client with `audit:read` what concerns its own provider or tenant',
  request: { query: filterSchema },
  responses: { 200: answers(pageOf(auditEntrySchema), 'One page'), ...problems(400, 401, 403) },
});

const listTenantAudit = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/audit',
  operationId: 'listTenantAuditEntries',
  tags: ['Audit'],
  summary: 'What was decided about one tenant, newest first',
  request: { params: z.object({ tenant: tenantParam }), query: pageQuerySchema },
  responses: { 200: answers(pageOf(auditEntrySchema), 'One page'), ...problems(400, 401, 403) },
});

const exportAudit = createRoute({
  method: 'get',
  path: '/v1/audit/export',
  operationId: 'exportAuditEntries',
  tags: ['Audit'],
  summary: 'Every entry as it is stored, oldest first: to keep elsewhere, and to check the chain by',
  description: '`a2a-broker audit verify` checks it. Operator only',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(storedEntrySchema), 'One page'), ...problems(400, 401, 403) },
});

export function auditRoutes(audit: Audit): Router {
  const router = createRouter();
  router.openapi(listAudit, async (c) => {
    const principal = requireScope(c, 'audit:read');
    const page = await audit.list(narrow(principal, defined(c.req.valid('query'))));
    return c.json(present(page, principal), 200);
  });
  router.openapi(listTenantAudit, async (c) => {
    const { tenant } = c.req.valid('param');
    const principal = requireParty(c, `tenant:${tenant}`, 'audit:read');
    return c.json(present(await audit.list({ ...defined(c.req.valid('query')), tenant }), principal), 200);
  });
  router.openapi(exportAudit, async (c) => {
    requireOperator(c);
    const { items, cursor } = await audit.export(defined(c.req.valid('query')));
    const entries = items.map(({ value }) => value as z.input<typeof storedEntrySchema>);
    return c.json({ items: entries, ...(cursor === undefined ? {} : { nextCursor: cursor }) }, 200);
  });
  return router;
}

/** A party's client sees its own party's entries whatever it asks for. */
function narrow(principal: Principal, query: AuditQuery): AuditQuery {
  if (principal.kind === 'operator') return query;
  const kind = partyKind(principal.owner);
  const own = partyId(principal.owner);
  if (query[kind] !== undefined && query[kind] !== own)
    throw new Fault('forbidden', `This token may only read the audit of ${principal.owner}.`);
  return { ...query, [kind]: own, view: kind };
}

function defined(query: z.output<typeof filterSchema> | z.output<typeof pageQuerySchema>): AuditQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

function present(page: Page<AuditRecord>, to: Principal) {
  const items = page.items.map(({ value: { detail, restricted, own, chain: _, ...entry } }) => {
    const more = to.kind === 'operator' ? restricted : own?.[to.owner];
    const shown = more === undefined ? detail : { ...detail, ...more };
    return {
      ...entry,
      at: new Date(entry.at).toISOString(),
      ...(shown === undefined ? {} : { detail: { ...shown } as Record<string, unknown> }),
    };
  });
  return page.cursor === undefined ? { items } : { items, nextCursor: page.cursor };
}
