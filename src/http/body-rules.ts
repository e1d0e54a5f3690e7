import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../api/env.ts';
import { Fault } from '../kernel/fault.ts';

/** No management call needs more. */
export const limitBody = limit(1024 * 1024);

/** Tokens and assertions are bounded well below this by the token endpoint itself. */
export const limitForm = limit(128 * 1024);

/**
 * An announced length is believed, because node reads no more than that; without one the bytes are counted while they arrive. Only
 * that second case touches the body as a web stream, which costs more than an ES256 signature.
 */
function limit(maxBytes: number): MiddlewareHandler<HttpEnv> {
  const refuse = (): never => {
    throw new Fault('payload_too_large', `The body may have ${maxBytes} bytes.`);
  };
  const counted = bodyLimit({ maxSize: maxBytes, onError: refuse });
  return createMiddleware<HttpEnv>(async (c, next) => {
    const length = c.req.header('Content-Length');
    if (length === undefined || c.req.header('Transfer-Encoding') !== undefined) return counted(c, next);
    if (Number(length) > maxBytes) refuse();
    return next();
  });
}

const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?$/i;

const maxDepth = 64;

/**
 * No document of ours is nested deeply, and code that walks one may do so by recursion. Counted on the text, before anything
 * parses it.
 */
export const limitDepth = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD' && depthOf(await c.req.text()) > maxDepth)
    throw new Fault('invalid_request', `The body is nested more than ${maxDepth} levels deep.`);
  await next();
});

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x7d || char === 0x5d) depth--;
  }
  return deepest;
}

/** Bodies are JSON in UTF-8 and say so; a form post from somebody's browser is not an API call. */
export const requireJson = createMiddleware<HttpEnv>(async (c, next) => {
  const type = c.req.header('Content-Type');
  const hasBody =
    c.req.header('Transfer-Encoding') !== undefined || Number(c.req.header('Content-Length') ?? 0) > 0;
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
  const isRight = type === undefined ? !hasBody : jsonType.test(type);
  if (!isRight && (hasBody || !isRead))
    throw new Fault('unsupported_media_type', 'Send JSON with a Content-Type of application/json.');
  await next();
});
