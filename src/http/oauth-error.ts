import type { Context } from 'hono';
import type { HttpEnv } from '../api/env.ts';
import { toFault } from './problem.ts';

/**
 * What went wrong at `/oauth/*` before or beside the endpoint's own refusals, in the form of RFC 6749 §5.2: programs there read
 * nothing else. `server_error` is not in that list; it is what §4.1.2.1 calls the same thing.
 */
export function oauthErrorResponse(c: Context<HttpEnv>, error: unknown): Response {
  const fault = toFault(error);
  c.header('Cache-Control', 'no-store');
  if (fault?.retryAfterSeconds !== undefined) c.header('Retry-After', String(fault.retryAfterSeconds));
  switch (fault?.code) {
    case 'unavailable':
      return c.json({ error: 'temporarily_unavailable', error_description: fault.message }, 503);
    case 'payload_too_large':
      return c.json({ error: 'invalid_request', error_description: fault.message }, 413);
    case 'invalid_request':
      return c.json({ error: 'invalid_request', error_description: fault.message }, 400);
    default:
      return c.json(
        {
          error: 'server_error',
          error_description: `Something went wrong on our side. Quote ${c.get('requestId')} when you report it.`,
        },
        500,
      );
  }
}
