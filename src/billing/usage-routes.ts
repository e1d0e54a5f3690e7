import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { requireParty, requireScope } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, problems, tenantParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import type { Billing } from './index.ts';
import { periodOf, periodStart } from './period.ts';
import type { UsageQuery } from './usage-view.ts';
import {
  quarantinedSchema,
  quarantineQuerySchema,
  tenantUsageQuerySchema,
  usageAnswerSchema,
  usageQuerySchema,
} from './z-usage.ts';

const tags = ['Usage'];

const getUsage = createRoute({
  method: 'get',
  path: '/v1/usage',
  operationId: 'getUsage',
  tags,
  summary: 'Usage, added up',
  description: 'A provider sees its own agents’, a tenant its own, the operator all',
  request: { query: usageQuerySchema },
  responses: { 200: answers(usageAnswerSchema, 'The sums'), ...problems(400, 401, 403) },
});

const getTenantUsage = createRoute({
  method: 'get',
  path: '/v1/tenants/{tenant}/usage',
  operationId: 'getTenantUsage',
  tags,
  summary: 'A tenant’s usage, added up',
  request: { params: z.object({ tenant: tenantParam }), query: tenantUsageQuerySchema },
  responses: { 200: answers(usageAnswerSchema, 'The sums'), ...problems(400, 401, 403) },
});

const listQuarantine = createRoute({
  method: 'get',
  path: '/v1/usage/quarantine',
  operationId: 'listQuarantinedUsage',
  tags,
  summary: 'Reported events that are not billed, and why',
  description: 'A provider sees its own, the operator those of `provider`. They are kept for 90 days',
  request: { query: quarantineQuerySchema },
  responses: { 200: answers(pageOf(quarantinedSchema), 'One page'), ...problems(400, 401, 403) },
});

export function addUsageRoutes(router: Router, billing: Billing, now: () => number): void {
  router.openapi(getUsage, async (c) => {
    const { tenant, provider, ...query } = c.req.valid('query');
    const items = await billing.viewUsage({
      ...queryOf(query, now()),
      ...defined(narrow(c, { tenant, provider })),
    });
    return c.json({ items: [...items] }, 200);
  });
  router.openapi(getTenantUsage, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'usage:read');
    const { provider, ...query } = c.req.valid('query');
    const items = await billing.viewUsage({ ...queryOf(query, now()), ...defined({ tenant, provider }) });
    return c.json({ items: [...items] }, 200);
  });
  router.openapi(listQuarantine, async (c) => {
    const { provider: asked, ...page } = defined(c.req.valid('query'));
    const provider = asked ?? ownProvider(c);
    requireParty(c, `provider:${provider}`, 'usage:read');
    const found = await billing.quarantined(provider, page);
    return c.json(
      presentPage(found, ({ at, ...rest }) => ({ ...rest, at: instant(at) })),
      200,
    );
  });
}

function queryOf(
  { from, to, groupBy, ...rest }: Omit<z.output<typeof usageQuerySchema>, 'tenant' | 'provider'>,
  now: number,
): UsageQuery {
  return {
    ...defined(rest),
    from: from ?? periodStart(periodOf(now)),
    // The instant itself counts: what was recorded just now is asked for.
    to: to ?? now + 1,
    groupBy: groupBy ?? ['agent', 'meter'],
  };
}

function ownProvider(c: Context<HttpEnv>): string {
  const principal = requireScope(c, 'usage:read');
  if (principal.kind === 'client' && partyKind(principal.owner) === 'provider')
    return partyId(principal.owner);
  throw new Fault('invalid_request', 'Say of which provider.', {
    fields: [{ path: 'provider', message: 'is missing' }],
  });
}

interface Parties {
  readonly tenant?: string | undefined;
  readonly provider?: string | undefined;
}

/** A party's client sees what is its own party's, whatever it asks for. */
function narrow(c: Context<HttpEnv>, asked: Parties): Parties {
  const principal = requireScope(c, 'usage:read');
  if (principal.kind === 'operator') return asked;
  const kind = partyKind(principal.owner);
  const own = partyId(principal.owner);
  if (asked[kind] !== undefined && asked[kind] !== own)
    throw new Fault('forbidden', `This token may only read the usage of ${principal.owner}.`);
  return { ...asked, [kind]: own };
}
