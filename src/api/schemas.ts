import { z } from '@hono/zod-openapi';

/** RFC 9457, with our stable `code` and, where fields were wrong, `errors`. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'about:blank' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ example: 'not_found' }),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

/** What each refusal means, whichever route answers it; `code` in the body says more. */
export const refusalMeanings = {
  400: 'The request does not fit the schema; `errors` names each wrong field',
  401: 'No valid bearer token',
  403: 'Not allowed to this caller',
  404: 'There is none, or not for this caller',
  409: 'In conflict with what is there, or a request with this `Idempotency-Key` is still running',
  412: 'It has changed since it was read (`If-Match`)',
  413: 'The body is too large',
  415: 'The body is not JSON in UTF-8, or does not say so',
  422: 'It rests on what cannot be used, or the `Idempotency-Key` was used for another request',
  500: 'Something went wrong on our side; `requestId` finds it in our log',
  503: 'The store cannot take this now; try again after `Retry-After` seconds',
} as const;

/** The refusals that are a route's own, for its `responses`: `...problems(403, 404)`. The common ones are added to each. */
export function problems<S extends keyof typeof refusalMeanings>(...statuses: readonly S[]) {
  const response = (status: S) => ({
    description: refusalMeanings[status],
    content: { 'application/problem+json': { schema: problemSchema } },
  });
  return Object.fromEntries(statuses.map((status) => [status, response(status)])) as Record<
    S,
    ReturnType<typeof response>
  >;
}

/** A JSON answer with this body. */
export function answers<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A required JSON body. */
export function takes<T extends z.ZodType>(schema: T) {
  return { body: { required: true, content: { 'application/json': { schema } } } };
}

/** Ids that people choose: in URLs, logs and tokens, so narrow on purpose. */
export const slugSchema = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    'must be 1 to 64 of a-z 0-9 . _ -, starting and ending with a letter or digit',
  );

/** Ids in paths: the same words everywhere. */
export const providerParam = slugSchema.openapi({ description: 'Id of the provider' });
export const agentParam = slugSchema.openapi({ description: 'Id of the agent, without its provider' });
export const tenantParam = slugSchema.openapi({ description: 'Id of the tenant' });

/** Ids that we make: see `kernel/ids.ts`. Narrow, so that nothing which the store refuses gets to it. */
export const madeIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be an id such as agr_0198…');

export function madeIdParam(what: string) {
  return madeIdSchema.openapi({ description: `Id of the ${what}` });
}

/** `provider/agent`. */
export const agentIdSchema = z
  .string()
  .max(129)
  .regex(/^[a-z0-9._-]+\/[a-z0-9._-]+$/, 'must be provider/agent');

export const partySchema = z
  .string()
  .max(80)
  .regex(/^(?:provider|tenant):[a-z0-9._-]+$/, 'must be provider:{id} or tenant:{id}')
  .transform((text) => text as `provider:${string}` | `tenant:${string}`)
  .openapi({ type: 'string', pattern: '^(?:provider|tenant):[a-z0-9._-]+$', example: 'provider:acme' });

/** A point in time on the wire: RFC 3339 UTC. */
export const instantSchema = z.iso.datetime({
  error: 'must be an RFC 3339 time in UTC, such as 2026-01-31T12:00:00Z',
});

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).openapi({ description: 'Items on a page' }),
  cursor: z.string().max(2048).optional().openapi({ description: 'From `nextCursor` of the page before' }),
});

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().optional() });
}
