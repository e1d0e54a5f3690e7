import { isUtf8 } from 'node:buffer';
import type { Context, MiddlewareHandler } from 'hono';
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
    if (length !== undefined && c.req.header('Transfer-Encoding') === undefined) {
      if (Number(length) > maxBytes) refuse();
      return next();
    }
    let isRead = false;
    try {
      return await counted(c, () => {
        isRead = true;
        return next();
      });
    } catch (error) {
      if (isRead || error instanceof Fault) throw error;
      throw cutOff(error);
    }
  });
}

/** The caller has left in the middle of its body: no failure of ours, and nobody is there to read the answer. */
function cutOff(cause: unknown): Fault {
  return new Fault('invalid_request', 'The body was cut off.', { cause });
}

const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?$/i;

const maxDepth = 64;

/**
 * Looks at the bytes before anything decodes or parses them. What is not UTF-8 would be replaced in silence, and then not be
 * what was sent. No document of ours is nested deeply, and code that walks one may do so by recursion.
 */
export const requireWellFormed = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
    const bytes = await wholeBody(c);
    if (!isUtf8(bytes)) throw new Fault('invalid_request', 'The body is not UTF-8.');
    if (depthOf(bytes) > maxDepth)
      throw new Fault('invalid_request', `The body is nested more than ${maxDepth} levels deep.`);
  }
  await next();
});

/** Whoever reads it after this finds it in memory. */
export const requireWhole = createMiddleware<HttpEnv>(async (c, next) => {
  await wholeBody(c);
  await next();
});

async function wholeBody(c: Context<HttpEnv>): Promise<Uint8Array> {
  try {
    return new Uint8Array(await c.req.arrayBuffer());
  } catch (error) {
    throw cutOff(error);
  }
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const char = bytes[at];
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
