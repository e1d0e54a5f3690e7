import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../api/env.ts';
import type { Ids } from '../kernel/ids.ts';

const acceptable = /^[A-Za-z0-9._-]{8,64}$/;

/** Takes the caller's `X-Request-Id` when it is harmless to log, else makes one; every answer carries it. */
export function requestId(ids: Ids) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const given = c.req.header('X-Request-Id');
    const id = given !== undefined && acceptable.test(given) ? given : ids.next('req');
    c.set('requestId', id);
    // Before `next`: setting headers on a finished response makes the adapter rebuild it.
    c.header('X-Request-Id', id);
    await next();
  });
}
