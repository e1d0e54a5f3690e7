import { z } from '@hono/zod-openapi';

export const urlSchema = z
  .string()
  .max(2048)
  .refine(
    (url) => /^https?:\/\//i.test(url) && URL.canParse(url) && !url.includes('#'),
    'must be an absolute http(s) URL',
  );
/** Compared exactly, so only in the one form in which it is written into tokens. */
export const issuerSchema = z
  .string()
  .max(512)
  .refine(
    (url) => /^https?:\/\/[^?#@\s]+$/.test(url) && URL.canParse(url),
    'must be an http(s) URL without query, fragment or credentials',
  );
/** A hundred large RSA keys; pinned keys are kept in a record, and in memory. */
const maxPinnedBytes = 96 * 1024;
export const jwksSchema = z
  .strictObject({
    keys: z
      .array(z.record(z.string().max(64), z.unknown()))
      .min(1)
      .max(100),
  })
  .refine(
    (jwks) => Buffer.byteLength(JSON.stringify(jwks)) <= maxPinnedBytes,
    `may have ${maxPinnedBytes} bytes of JSON`,
  )
  .openapi({ description: 'A key set (RFC 7517) of public keys' });
export const callScopeSchema = z.string().regex(/^[a-z0-9:._-]{1,64}$/, 'must be 1 to 64 of a-z 0-9 : . _ -');

export function exactlyOneKeySource(value: { jwks?: unknown; jwksUri?: unknown }): boolean {
  return (value.jwks === undefined) !== (value.jwksUri === undefined);
}

export const oneKeySource = { message: 'give exactly one of jwks and jwksUri', path: ['jwksUri'] };

export const reasonSchema = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export const pairwiseSchema = z
  .string()
  .regex(/^v\d{1,4}\.[A-Za-z0-9_-]{43}$/, 'must be a pairwise subject such as v1.…');
