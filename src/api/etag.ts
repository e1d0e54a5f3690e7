import type { Context } from 'hono';
import { sha256 } from '../kernel/digest.ts';
import { Fault } from '../kernel/fault.ts';
import type { HttpEnv } from './env.ts';

/** A strong validator (RFC 9110 §8.8.3) from a record's version. */
export function setEtag(c: Context<HttpEnv>, version: string): void {
  c.header('ETag', `"${version}"`);
}

/** For what is made of several records: a validator from the answer itself. */
export function setContentEtag(c: Context<HttpEnv>, body: object): void {
  setEtag(c, sha256(JSON.stringify(body)));
}

/** The version that the caller demands (`If-Match`, RFC 9110 §13.1.1), or `undefined` when any will do. */
export function ifMatch(c: Context<HttpEnv>): string | undefined {
  const header = c.req.header('If-Match');
  if (header === undefined || header === '*') return undefined;
  const match = /^"([^"]{1,128})"$/.exec(header);
  if (match?.[1] === undefined) throw new Fault('invalid_request', 'If-Match must be one strong entity tag.');
  return match[1];
}
