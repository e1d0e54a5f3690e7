import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { problemKinds, toFault } from './problem.ts';

/**
 * `/oauth/*` speaks RFC 6749 errors, also about what the endpoints themselves do not answer: a body that is refused before they
 * see it, and failures of ours. Of what is not a {@link Fault} nothing is told; the log has it under the request's id.
 */
export function oauthFailure(c: Context<HttpEnv>, error: unknown): Response {
  const fault = toFault(error);
  const kind = problemKinds[fault?.code ?? ''];
  if (fault?.retryAfterSeconds !== undefined) c.header('Retry-After', String(fault.retryAfterSeconds));
  c.header('Cache-Control', 'no-store');
  c.header('Pragma', 'no-cache');
  if (fault === undefined || kind === undefined)
    return c.json({ error: 'server_error', error_description: 'Something went wrong on our side.' }, 500);
  return c.json(
    {
      error: fault.code === 'unavailable' ? 'temporarily_unavailable' : 'invalid_request',
      error_description: fault.message,
    },
    kind.status as 400,
  );
}
