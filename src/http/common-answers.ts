import { refusalMeanings } from '../api/schemas.ts';

/** The part of an OpenAPI operation that is looked at here. */
interface Operation {
  readonly parameters?: readonly unknown[];
  readonly requestBody?: unknown;
  responses?: Record<string, unknown>;
}

export interface Paths {
  readonly [path: string]: { readonly [method: string]: Operation };
}

/**
 * Adds to each operation what the layers around it can answer, so that no route has to say it and none can forget it: the body
 * rules, authentication, `Idempotency-Key`, and failures of ours. What a route says itself comes first.
 */
export function addCommonAnswers(paths: Paths): void {
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods))
      operation.responses = {
        ...Object.fromEntries(
          commonStatuses(path, method, operation).map((status) => [status, problem(status)]),
        ),
        ...operation.responses,
      };
}

function commonStatuses(path: string, method: string, operation: Operation): readonly Status[] {
  const isRead = method === 'get';
  const hasInput = (operation.parameters ?? []).length > 0 || operation.requestBody !== undefined;
  if (path.startsWith('/v1/'))
    return [...(hasInput || !isRead ? ([400] as const) : []), 401, ...(isRead ? [] : writes), 500, 503];
  // The gateway and the token endpoint have their own language; documents without parameters cannot fail.
  return isRead && hasInput ? [400, 500, 503] : [];
}

const writes = [409, 413, 415, 422] as const;

type Status = keyof typeof refusalMeanings;

function problem(status: Status) {
  return {
    description: refusalMeanings[status],
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
