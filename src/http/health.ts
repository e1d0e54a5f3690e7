import { createRoute, z } from '@hono/zod-openapi';
import { createRouter, type Router } from '../api/router.ts';
import { answers } from '../api/schemas.ts';

export interface Readiness {
  /** Resolves when the store answers and the signing keys are usable; throws otherwise. */
  check(): Promise<void>;
}

const healthSchema = z.object({ status: z.literal('ok') });
const readySchema = z.object({ status: z.enum(['ready', 'not_ready']) });

const healthz = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  tags: ['Operations'],
  summary: 'Whether the process runs',
  security: [],
  responses: { 200: answers(healthSchema, 'It does') },
});

const readyz = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'getReadiness',
  tags: ['Operations'],
  summary: 'Whether calls can be served: store and keys usable',
  security: [],
  responses: { 200: answers(readySchema, 'Ready'), 503: answers(readySchema, 'Not ready') },
});

const readinessTimeoutMs = 2000;

export function healthRoutes(readiness: Readiness): Router {
  const router = createRouter();
  router.openapi(healthz, (c) => c.json({ status: 'ok' as const }, 200));
  router.openapi(readyz, async (c) => {
    const ready = await within(readiness.check(), readinessTimeoutMs);
    return ready ? c.json({ status: 'ready' as const }, 200) : c.json({ status: 'not_ready' as const }, 503);
  });
  return router;
}

async function within(check: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const outcome = check.then(
    () => true,
    () => false,
  );
  const ready = await Promise.race([outcome, timeout]);
  clearTimeout(timer);
  return ready;
}
