import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { requireOperator, requireParty, requirePrincipal, requireScope } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, pageOf, problems, takes, tenantParam } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { type JsonValue, parseJson } from '../kernel/json.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { Billing } from './index.ts';
import { periodOf, periodStart } from './period.ts';
import {
  ingestAnswerSchema,
  meterSchema,
  newMeterSchema,
  quarantinedSchema,
  quarantineQuerySchema,
  tenantUsageQuerySchema,
  usageAnswerSchema,
  usageQuerySchema,
} from './schema.ts';
import { maxEventsPerBatch, usageEventSchema } from './z-usage-event.ts';
import type { UsageQuery } from './usage-view.ts';

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
  summary: 'Reported events that were not billed, and why',
  request: { query: quarantineQuerySchema },
  responses: { 200: answers(pageOf(quarantinedSchema), 'One page'), ...problems(400, 401, 403) },
});

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
  summary: 'List meters, built-in ones first',
  responses: { 200: answers(z.object({ items: z.array(meterSchema) }), 'All'), ...problems(401) },
});

export function addUsageRoutes(router: Router, billing: Billing, now: () => number): void {
  describeIngest(router);
  // A plain handler: the content type decides what the body is.
  router.post('/v1/usage/events', async (c) => {
    const provider = requireProvider(c);
    const events = readEvents(c.req.header('Content-Type') ?? '', parseJson(await c.req.text()));
    const results = [...(await billing.ingest(provider, events.values))];
    if (events.batch) return c.json({ results });
    const [result] = results;
    if (result?.status !== 'rejected') return c.json({ results });
    return c.json({ results }, result.reason === 'conflict' ? 409 : 422);
  });

  router.openapi(getUsage, async (c) => {
    const principal = requireScope(c, 'usage:read');
    const items = await billing.viewUsage(narrow(principal, queryOf(c.req.valid('query'), now())));
    return c.json({ items: [...items] }, 200);
  });
  router.openapi(getTenantUsage, async (c) => {
    const { tenant } = c.req.valid('param');
    requireParty(c, `tenant:${tenant}`, 'usage:read');
    const items = await billing.viewUsage({ ...queryOf(c.req.valid('query'), now()), tenant });
    return c.json({ items: [...items] }, 200);
  });
  router.openapi(listQuarantine, async (c) => {
    const { provider, ...page } = defined(c.req.valid('query'));
    requireParty(c, `provider:${provider}`, 'usage:read');
    const found = await billing.quarantined(provider, page);
    return c.json(
      presentPage(found, ({ at, ...rest }) => ({ ...rest, at: instant(at) })),
      200,
    );
  });
  router.openapi(defineMeter, async (c) => {
    const by = requireOperator(c);
    return c.json(await billing.meters.define(c.req.valid('json'), by), 201);
  });
  router.openapi(listMeters, async (c) => {
    requirePrincipal(c);
    return c.json({ items: [...(await billing.meters.list())] }, 200);
  });
}

/** Usage is reported by a provider about itself; not even the operator does that for it. */
function requireProvider(c: Context<HttpEnv>): string {
  const principal = requireScope(c, 'usage:write');
  if (principal.kind === 'operator' || partyKind(principal.owner) !== 'provider')
    throw new Fault('forbidden', 'Usage is reported with a token of the provider itself.');
  return partyId(principal.owner);
}

function readEvents(
  contentType: string,
  body: JsonValue | undefined,
): { readonly batch: boolean; readonly values: readonly JsonValue[] } {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/cloudevents+json' && type !== 'application/cloudevents-batch+json')
    throw new Fault(
      'unsupported_media_type',
      'Send application/cloudevents+json, or application/cloudevents-batch+json for several events.',
    );
  if (body === undefined) throw new Fault('invalid_request', 'The body is not valid JSON.');
  if (type === 'application/cloudevents+json') return { batch: false, values: [body] };
  if (!Array.isArray(body)) throw new Fault('invalid_request', 'A batch is a JSON array of events.');
  if (body.length > maxEventsPerBatch)
    throw new Fault('payload_too_large', `A batch may have ${maxEventsPerBatch} events.`);
  return { batch: true, values: body as readonly JsonValue[] };
}

function queryOf(query: z.output<typeof usageQuerySchema>, now: number): UsageQuery {
  const { from, to, groupBy, ...rest } = defined(query);
  return {
    ...rest,
    from: from === undefined ? periodStart(periodOf(now)) : Date.parse(from),
    // The instant itself counts: what was recorded just now is asked for.
    to: to === undefined ? now + 1 : Date.parse(to),
    groupBy: groupBy ?? ['agent', 'meter'],
  };
}

/** A party's client sees its own party's usage, whatever it asks for. */
function narrow(principal: Principal, query: UsageQuery): UsageQuery {
  if (principal.kind === 'operator') return query;
  const kind = partyKind(principal.owner);
  const own = partyId(principal.owner);
  if (query[kind] !== undefined && query[kind] !== own)
    throw new Fault('forbidden', `This token may only read the usage of ${principal.owner}.`);
  return { ...query, [kind]: own };
}

function describeIngest(router: Router): void {
  const answer = (description: string) => answers(ingestAnswerSchema, description);
  router.openAPIRegistry.registerPath({
    method: 'post',
    path: '/v1/usage/events',
    operationId: 'reportUsage',
    tags,
    summary: 'Report usage (provider)',
    description:
      `CloudEvents 1.0, one or a batch of up to ${maxEventsPerBatch}, at most 1 MiB. Each event is bound to the delegation of the call that ` +
      'caused it. An event that was accepted is durable; the same again is answered `duplicate`',
    request: {
      body: {
        required: true,
        content: {
          'application/cloudevents+json': { schema: usageEventSchema },
          'application/cloudevents-batch+json': { schema: z.array(usageEventSchema) },
        },
      },
    },
    responses: {
      200: answer('One result for each event, in order'),
      409: answer('A single event whose id was used for another one'),
      422: answer('A single event that was rejected'),
      ...problems(400, 401, 403, 413, 415),
    },
  });
}
