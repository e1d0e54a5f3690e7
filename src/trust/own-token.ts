import { epochSeconds } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import type { JsonObject } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { TrustContext } from './deps.ts';
import { isSignedBy, maxTokenBytes, parseJwt, type TokenProblem } from './jwt.ts';

/** Verifies tokens that we issued ourselves. Only signature and form are remembered; times and audience are asked each time. */
export function createOwnTokenVerifier(context: Pick<TrustContext, 'brokerUrl' | 'clock' | 'keys'>) {
  // The whole token's hash -> claims: a cached check costs a hash instead of an ES256 verification.
  const verified = new BoundedCache<{ readonly claims: JsonObject; readonly keyId: string | undefined }>(
    20_000,
  );

  function claimsOf(token: string): Result<JsonObject, TokenProblem> {
    if (token.length > maxTokenBytes) return err('token_malformed');
    const digest = sha256(token);
    const known = verified.get(digest);
    // A key may have been revoked since.
    if (known !== undefined && context.keys.verificationKey(known.keyId) !== undefined)
      return ok(known.claims);
    const parsed = parseJwt(token);
    if (!parsed.ok) return parsed;
    const jwt = parsed.value;
    const key = context.keys.verificationKey(jwt.keyId);
    if (key === undefined || jwt.algorithm !== 'ES256') return err('token_key_unknown');
    if (jwt.type !== 'at+jwt') return err('token_type_wrong');
    if (!isSignedBy(jwt, key)) return err('token_signature_wrong');
    verified.set(digest, { claims: jwt.claims, keyId: jwt.keyId });
    return ok(jwt.claims);
  }

  /** An access token of ours, for whomever it is. No skew: our own clock set the expiry. */
  function read(token: string): Result<JsonObject, TokenProblem> {
    const claims = claimsOf(token);
    if (!claims.ok) return claims;
    const { iss, exp } = claims.value;
    if (iss !== context.brokerUrl) return err('token_issuer_unknown');
    if (typeof exp !== 'number' || exp <= epochSeconds(context.clock)) return err('token_expired');
    return claims;
  }

  return {
    read,
    verify(token: string, audience: string): Result<JsonObject, TokenProblem> {
      const claims = read(token);
      return claims.ok && claims.value['aud'] !== audience ? err('token_audience_wrong') : claims;
    },
  };
}

export type OwnTokenVerifier = ReturnType<typeof createOwnTokenVerifier>;
