import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { HttpEnv } from '../api/env.ts';
import { billingErrors } from '../billing/index.ts';
import { type CommonErrorCode, Fault } from '../kernel/fault.ts';
import { policyErrors } from '../policy/index.ts';
import { registryErrors } from '../registry/index.ts';
import { StorageError } from '../storage/port.ts';
import { tenancyErrors } from '../tenancy/index.ts';
import { dpopChallenge, trustErrors } from '../trust/index.ts';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

const commonErrors = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'Authentication needed' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  conflict: { status: 409, title: 'Conflict' },
  precondition_failed: { status: 412, title: 'The thing has changed since it was read' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported content type' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used for another request' },
  unavailable: { status: 503, title: 'Not available right now' },
} as const satisfies Record<CommonErrorCode, ProblemKind>;

/** Every code of every room: each room's own table is checked against its closed union where it is written. */
export const problemKinds: Readonly<Record<string, ProblemKind>> = {
  ...commonErrors,
  ...registryErrors,
  ...tenancyErrors,
  ...policyErrors,
  ...trustErrors,
  ...billingErrors,
};

/** RFC 9457. What is not a {@link Fault} is our bug: 500, with nothing but the id under which the log has it. */
export function problemResponse(c: Context<HttpEnv>, error: unknown): Response {
  const fault = toFault(error);
  const kind = problemKinds[fault?.code ?? ''];
  const requestId = c.get('requestId');
  const status = kind?.status ?? 500;
  if (fault?.retryAfterSeconds !== undefined) c.header('Retry-After', String(fault.retryAfterSeconds));
  if (status === 401 || status === 403)
    for (const challenge of challengesOf(c, status, fault?.code))
      c.header('WWW-Authenticate', challenge, { append: true });
  c.header('Content-Type', 'application/problem+json');
  c.header('Cache-Control', 'no-store');
  const body =
    fault === undefined || kind === undefined
      ? {
          type: 'about:blank',
          title: 'Internal error',
          status: 500,
          detail: 'Something went wrong on our side. Quote the request id when you report it.',
          code: 'internal',
          requestId,
        }
      : {
          type: 'about:blank',
          title: kind.title,
          status,
          detail: fault.message,
          code: fault.code,
          requestId,
          ...(fault.fields === undefined ? {} : { errors: fault.fields }),
        };
  return c.body(JSON.stringify(body), status as 400);
}

/** RFC 6750 §3, RFC 9449 §7.1: no error for who brought no token; for others, about the scheme that was tried. */
function challengesOf(c: Context<HttpEnv>, status: 401 | 403, code: string | undefined): readonly string[] {
  const authorization = c.req.header('Authorization');
  if (authorization === undefined) return ['Bearer', dpopChallenge()];
  if (!/^DPoP /i.test(authorization)) return [`Bearer error="${errorOf(status, code)}"`, dpopChallenge()];
  return [dpopChallenge(`error="${errorOf(status, code)}"`), 'Bearer'];
}

function errorOf(status: 401 | 403, code: string | undefined): string {
  if (code === 'invalid_dpop_proof' || code === 'use_dpop_nonce') return code;
  return status === 401 ? 'invalid_token' : 'insufficient_scope';
}

/** Whether this was foreseen; what the log should say at which level depends on it. */
export function toFault(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error;
  if (error instanceof HTTPException) return fromHono(error);
  if (error instanceof StorageError && error.code === 'bad_cursor')
    return new Fault('invalid_request', 'The cursor is not one that a page before has given.', {
      fields: [{ path: 'cursor', message: 'is not known' }],
    });
  if (error instanceof StorageError && error.code === 'unavailable')
    return new Fault('unavailable', 'The store cannot take this right now. Try again shortly.', {
      cause: error,
      retryAfterSeconds: 1,
    });
  return undefined;
}

/** hono's own refusals while it reads a body. */
function fromHono(error: HTTPException): Fault {
  if (error.status === 413) return new Fault('payload_too_large', 'The body is too large.');
  if (error.status === 415)
    return new Fault('unsupported_media_type', 'The content type is not supported here.');
  return new Fault('invalid_request', 'The body is not valid JSON.', { cause: error });
}
