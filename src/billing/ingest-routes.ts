import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { requireScope } from '../api/guards.ts';
import type { Router } from '../api/router.ts';
import { answers, problems } from '../api/schemas.ts';
import { Fault } from '../kernel/fault.ts';
import { type JsonValue, parseJson } from '../kernel/json.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import type { Billing } from './index.ts';
import { ingestAnswerSchema } from './z-usage.ts';
import { maxEventsPerBatch, usageEventSchema } from './z-usage-event.ts';

/** The formats that we take, of those that begin with `application/cloudevents` (CloudEvents HTTP binding §3). */
const structured = 'application/cloudevents+json';
const batched = 'application/cloudevents-batch+json';

export function addIngestRoutes(router: Router, billing: Billing): void {
  describe(router);
  // A plain handler: the content type decides what the body is.
  router.post('/v1/usage/events', async (c) => {
    const provider = requireProvider(c);
    const events = readEvents(c.req.header('Content-Type') ?? '', parseJson(await c.req.text()));
    const results = [...(await billing.ingest(provider, events.values))];
    if (events.isBatch) return c.json({ results });
    const [result] = results;
    if (result?.status !== 'rejected') return c.json({ results });
    return c.json({ results }, result.reason === 'conflict' ? 409 : 422);
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
): { readonly isBatch: boolean; readonly values: readonly JsonValue[] } {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  if (type !== structured && type !== batched)
    throw new Fault('unsupported_media_type', `Send ${structured}, or ${batched} for several events.`);
  if (body === undefined) throw new Fault('invalid_request', 'The body is not valid JSON.');
  if (type === structured) return { isBatch: false, values: [body] };
  if (!Array.isArray(body)) throw new Fault('invalid_request', 'A batch is a JSON array of events.');
  if (body.length > maxEventsPerBatch)
    throw new Fault('payload_too_large', `A batch may have ${maxEventsPerBatch} events.`);
  return { isBatch: true, values: body as readonly JsonValue[] };
}

function describe(router: Router): void {
  const answer = (description: string) => answers(ingestAnswerSchema, description);
  router.openAPIRegistry.registerPath({
    method: 'post',
    path: '/v1/usage/events',
    operationId: 'reportUsage',
    tags: ['Usage'],
    summary: 'Report usage (provider)',
    description:
      `CloudEvents 1.0, one or a batch of up to ${maxEventsPerBatch}, at most 1 MiB. Each event is bound to the delegation of the call that ` +
      'caused it. An event that was accepted is durable; the same again is answered `duplicate`',
    request: {
      body: {
        required: true,
        content: {
          [structured]: { schema: usageEventSchema },
          [batched]: { schema: z.array(usageEventSchema).max(maxEventsPerBatch) },
        },
      },
    },
    responses: {
      200: answer('One result for each event, in order'),
      409: answer('A single event whose id was used for another one'),
      422: answer('A single event that was rejected'),
      ...problems(400, 401, 403, 413, 415, 503),
    },
  });
}
