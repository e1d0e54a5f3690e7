import { OpenAPIHono } from '@hono/zod-openapi';
import type { z } from 'zod';
import { Fault, type FieldError } from '../kernel/fault.ts';
import type { HttpEnv } from './env.ts';

export type Router = OpenAPIHono<HttpEnv>;

/** A room's router. A request that does not fit the route's schemas is refused with every wrong field named. */
export function createRouter(): Router {
  return new OpenAPIHono<HttpEnv>({
    defaultHook: (result) => {
      if (!result.success)
        throw new Fault('invalid_request', 'The request does not fit the schema.', {
          fields: fieldErrors(result.error, result.target),
        });
    },
  });
}

/** `body` errors as JSON Pointers, those of parameters by name. At most 20: a hostile body must not blow up the answer. */
export function fieldErrors(error: z.ZodError, target: string): readonly FieldError[] {
  return error.issues.slice(0, 20).map((issue) => ({
    path:
      target === 'json' ? issue.path.map((part) => `/${pointerPart(part)}`).join('') : issue.path.join('.'),
    message: issue.message.slice(0, 300),
  }));
}

function pointerPart(part: PropertyKey): string {
  return String(part).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
