import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { type Algorithm, isAcceptedAlgorithm, signEs256, verifySignature } from './signature.ts';
import { parseStrictObject } from './strict-json.ts';

export const maxTokenBytes = 16 * 1024;
/** Clocks of independent companies differ. */
export const clockSkewSeconds = 30;

export interface ParsedJwt {
  readonly algorithm: Algorithm;
  readonly keyId: string | undefined;
  /** In lower case, without `application/`. */
  readonly type: string | undefined;
  readonly claims: JsonObject;
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** Why a token is refused, for the audit log. */
export type TokenProblem =
  | 'token_malformed'
  | 'token_header_refused'
  | 'token_algorithm_refused'
  | 'token_key_unknown'
  | 'token_signature_wrong'
  | 'token_type_wrong'
  | 'token_issuer_unknown'
  | 'token_issuer_keys_replaced'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_lifetime_too_long'
  | 'token_audience_wrong'
  | 'token_subject_missing'
  | 'token_revoked'
  | 'token_confirmation_unknown'
  | 'token_is_bound'
  | 'token_not_bound';

/** Header members that would let a token bring or name its own key (RFC 7515 §4.1.2–4.1.6), or demand what we ignore. */
const refusedHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'enc', 'zip'];

export interface JwtParts {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** As it was sent. */
  readonly headerPart: string;
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** JWS compact form (RFC 7515 §7.1); `undefined` for what is none. */
export function splitJwt(token: string, maxBytes = maxTokenBytes): JwtParts | undefined {
  if (token.length > maxBytes) return undefined;
  const parts = token.split('.');
  const [headerPart = '', claimsPart = '', signaturePart = ''] = parts;
  if (parts.length !== 3) return undefined;
  const header = decodeObject(headerPart);
  const claims = decodeObject(claimsPart);
  const signature = decodeBase64url(signaturePart);
  if (header === undefined || claims === undefined || signature === undefined) return undefined;
  return { header, claims, headerPart, signingInput: `${headerPart}.${claimsPart}`, signature };
}

/** A token that names its key at most by `kid`; nothing verified yet. */
export function parseJwt(token: string): Result<ParsedJwt, TokenProblem> {
  const parts = splitJwt(token);
  if (parts === undefined) return err('token_malformed');
  const { header, claims, signingInput, signature } = parts;
  if (refusedHeaders.some((name) => name in header)) return err('token_header_refused');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !isAcceptedAlgorithm(alg)) return err('token_algorithm_refused');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return err('token_header_refused');
  if (typ !== undefined && typeof typ !== 'string') return err('token_header_refused');
  return ok({
    algorithm: alg,
    keyId: kid,
    type: typ?.toLowerCase().replace(/^application\//, ''),
    claims,
    signingInput,
    signature,
  });
}

export interface TimeRules {
  readonly now: number;
  readonly skewSeconds: number;
  /** `exp` − `iat` at most. */
  readonly maxLifetimeSeconds: number;
}

/** `exp` and `iat` are required here; RFC 7519 leaves them optional, and libraries let a missing `exp` live for ever. */
export function checkTimes(claims: JsonObject, rules: TimeRules): TokenProblem | undefined {
  const { exp, iat, nbf } = claims;
  if (!isSeconds(exp) || !isSeconds(iat) || (nbf !== undefined && !isSeconds(nbf))) return 'token_malformed';
  if (exp <= rules.now - rules.skewSeconds) return 'token_expired';
  if (iat > rules.now + rules.skewSeconds || (nbf ?? 0) > rules.now + rules.skewSeconds)
    return 'token_not_yet_valid';
  if (exp - iat > rules.maxLifetimeSeconds) return 'token_lifetime_too_long';
  return undefined;
}

export function isSignedBy(jwt: ParsedJwt, key: KeyObject): boolean {
  return verifySignature(jwt.algorithm, key, jwt.signingInput, jwt.signature);
}

export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

export function signJwt(claims: Readonly<Record<string, unknown>>, type: string, key: SigningKey): string {
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: type, kid: key.keyId })).toString(
    'base64url',
  );
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${header}.${payload}.${signEs256(key.privateKey, `${header}.${payload}`)}`;
}

/** A NumericDate (RFC 7519 §2) that is one. */
export function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 1e11;
}

function decodeObject(part: string): JsonObject | undefined {
  const bytes = decodeBase64url(part);
  if (bytes === undefined) return undefined;
  const text = bytes.toString('utf8');
  // What is not UTF-8 would be replaced silently, and then not be what was signed.
  return Buffer.from(text, 'utf8').equals(bytes) ? parseStrictObject(text) : undefined;
}

/** Only the canonical form: unpadded, no stray bits, so that one token has one text. */
function decodeBase64url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return part !== '' && bytes.toString('base64url') === part ? bytes : undefined;
}
