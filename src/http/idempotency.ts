import { createMiddleware } from 'hono/factory';
import { requirePrincipal } from '../api/guards.ts';
import type { HttpEnv } from '../api/env.ts';
import type { Clock } from '../kernel/clock.ts';
import { epochSeconds } from '../kernel/clock.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { Fault } from '../kernel/fault.ts';
import type { Store } from '../storage/port.ts';

interface Remembered {
  readonly request: string;
  /** Absent while the first attempt runs. */
  readonly answer?:
    | {
        readonly status: number;
        readonly body: string;
        readonly headers: Readonly<Record<string, string>>;
      }
    | 'too_large';
}

const runningSeconds = 60;
const rememberedSeconds = 24 * 3600;
/** As stored: a text inside JSON, where each quote takes two bytes. */
const maxRememberedBytes = 300_000;
const replayedHeaders = ['content-type', 'etag', 'location'];

/**
 * `Idempotency-Key` on writes: the first answer below 500 is kept for a day and given again; the same key with another
 * request is refused; a second attempt while the first runs gets 409. Keys are each caller's own.
 */
export function idempotency(deps: { readonly store: Store; readonly clock: Clock }) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const key = c.req.header('Idempotency-Key');
    if (key === undefined || c.req.method === 'GET' || c.req.method === 'HEAD') return next();
    if (!/^[\x21-\x7e]{1,128}$/.test(key))
      throw new Fault('invalid_request', 'Idempotency-Key must be 1 to 128 visible ASCII characters.');
    const principal = requirePrincipal(c);
    // Nobody can choose a name under which somebody else's answers are kept.
    const caller = principal.kind === 'operator' ? ['operator'] : ['client', principal.clientId];
    const place = { partition: `idempotency#${sha256(lengthPrefixed(...caller, key))}`, sort: 'answer' };
    // The query says whose a thing is, where a name alone does not.
    const address = c.req.path + new URL(c.req.url).search;
    const request = sha256(lengthPrefixed(c.req.method, address, await c.req.text()));
    const expiry = (seconds: number) => epochSeconds(deps.clock) + seconds;

    const claimed = await deps.store.commit([
      {
        op: 'putIfAbsent',
        ...place,
        value: { request } satisfies Remembered,
        expiresAt: expiry(runningSeconds),
      },
    ]);
    if (!claimed.ok) {
      const before = (await deps.store.get<Remembered>(place))?.value;
      if (before !== undefined && before.request !== request)
        throw new Fault('idempotency_key_reused', 'This Idempotency-Key was used for a different request.');
      if (before?.answer === undefined)
        throw new Fault('conflict', 'A request with this Idempotency-Key is still running.', {
          retryAfterSeconds: 1,
        });
      if (before.answer === 'too_large')
        throw new Fault('conflict', 'This was done. Its answer was too large to be kept and given again.');
      return c.body(before.answer.body, before.answer.status as 200, {
        ...before.answer.headers,
        'Idempotent-Replayed': 'true',
      });
    }

    await next();
    if (c.res.status >= 500) {
      await deps.store.commit([{ op: 'delete', ...place }]);
      return;
    }
    const body = await c.res.clone().text();
    const headers = Object.fromEntries(
      replayedHeaders.flatMap((name) => {
        const value = c.res.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    const isSmall = Buffer.byteLength(JSON.stringify(body)) <= maxRememberedBytes;
    const answer = isSmall ? { status: c.res.status, body, headers } : ('too_large' as const);
    await deps.store.commit([
      {
        op: 'put',
        ...place,
        value: { request, answer } satisfies Remembered,
        expiresAt: expiry(rememberedSeconds),
      },
    ]);
  });
}
