import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../api/env.ts';
import { Fault } from '../kernel/fault.ts';

export const maxBodyBytes = 1024 * 1024;

/** No management call needs more. Counted while it arrives when no length was announced. */
export const limitBody = bodyLimit({
  maxSize: maxBodyBytes,
  onError: () => {
    throw new Fault('payload_too_large', `The body may have ${maxBodyBytes} bytes.`);
  },
});

const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?$/i;

/** Bodies are JSON in UTF-8 and say so; a form post from somebody's browser is not an API call. */
export const requireJson = createMiddleware<HttpEnv>(async (c, next) => {
  const type = c.req.header('Content-Type');
  const hasBody =
    c.req.header('Transfer-Encoding') !== undefined || Number(c.req.header('Content-Length') ?? 0) > 0;
  if (hasBody && (type === undefined || !jsonType.test(type)))
    throw new Fault('unsupported_media_type', 'Send JSON with a Content-Type of application/json.');
  await next();
});
