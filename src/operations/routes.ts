import { createRoute, z } from '@hono/zod-openapi';
import { requireOperator } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import { createRouter, type Router } from '../api/router.ts';
import { answers, madeIdParam, pageOf, pageQuerySchema, problems, takes } from '../api/schemas.ts';
import type { OutboxRecord } from '../events/outbox-repository.ts';
import type { Operations } from './index.ts';
import { deadLetterSchema, decidedSchema, discardSchema, outboxSchema } from './schema.ts';

const tags = ['Events'];
const params = z.object({ event: madeIdParam('event') });

const readOutbox = createRoute({
  method: 'get',
  path: '/v1/events/outbox',
  operationId: 'getOutbox',
  tags,
  summary: 'How many business events wait for the bus, and since when (operator)',
  responses: { 200: answers(outboxSchema, 'Right now'), ...problems(401, 403) },
});

const listDeadLetters = createRoute({
  method: 'get',
  path: '/v1/events/dead-letters',
  operationId: 'listDeadLetters',
  tags,
  summary: 'Events that the bus refused for good, oldest first (operator)',
  description: 'Each holds back the later events of its subject until it is replayed or discarded',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(deadLetterSchema), 'One page'), ...problems(400, 401, 403) },
});

const replay = createRoute({
  method: 'post',
  path: '/v1/events/dead-letters/{event}/replay',
  operationId: 'replayDeadLetter',
  tags,
  summary: 'Try a dead letter again; what waits behind it follows (operator)',
  request: { params },
  responses: { 200: answers(decidedSchema, 'It waits for the bus'), ...problems(400, 401, 403, 404, 409) },
});

const discard = createRoute({
  method: 'post',
  path: '/v1/events/dead-letters/{event}/discard',
  operationId: 'discardDeadLetter',
  tags,
  summary: 'Give a dead letter up, so that what waits behind it goes out (operator)',
  request: { params, ...takes(discardSchema) },
  responses: { 200: answers(decidedSchema, 'It never goes out'), ...problems(400, 401, 403, 404, 409) },
});

export function operationsRoutes(operations: Operations, now: () => number): Router {
  const router = createRouter();
  router.openapi(readOutbox, async (c) => {
    requireOperator(c);
    const { isCapped, oldestAt, areDeadLettersCapped, ...rest } = await operations.outboxSummary();
    const oldest =
      oldestAt === undefined
        ? {}
        : {
            oldestAt: instant(oldestAt),
            // Another replica's clock may be ahead of ours.
            oldestAgeSeconds: Math.max(0, Math.floor((now() - oldestAt) / 1000)),
          };
    return c.json(
      { ...rest, waitingIsCapped: isCapped, deadLettersIsCapped: areDeadLettersCapped, ...oldest },
      200,
    );
  });
  router.openapi(listDeadLetters, async (c) => {
    requireOperator(c);
    return c.json(presentPage(await operations.deadLetters(defined(c.req.valid('query'))), present), 200);
  });
  router.openapi(replay, async (c) => {
    const by = requireOperator(c);
    const record = await operations.replayDeadLetter(c.req.valid('param').event, by);
    return c.json(decided(record, 'waiting'), 200);
  });
  router.openapi(discard, async (c) => {
    const by = requireOperator(c);
    const { reason } = c.req.valid('json');
    const record = await operations.discardDeadLetter(c.req.valid('param').event, reason, by);
    return c.json(decided(record, 'discarded'), 200);
  });
  return router;
}

function present({ event, reason = '', attempts = 0, deadAt = 0 }: OutboxRecord) {
  const { id, type, subject } = event;
  return { id, type, subject, reason, attempts, deadAt: instant(deadAt), event: { ...event } };
}

function decided({ event: { id, type, subject } }: OutboxRecord, state: 'waiting' | 'discarded') {
  return { id, type, subject, state };
}
