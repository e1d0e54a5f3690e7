import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import { isJsonObject, type JsonObject } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { acceptedAlgorithms, type Algorithm, fitsAlgorithm } from './signature.ts';

export interface JsonWebKeySet {
  readonly keys: readonly JsonWebKey[];
}

export interface IssuerKey {
  readonly keyId: string | undefined;
  readonly key: KeyObject;
  /** Those that it fits, or the one that it names. */
  readonly algorithms: readonly Algorithm[];
  /** RFC 7638: what stays the same whatever the key is called. */
  readonly thumbprint: string;
}

export type KeySetProblem =
  | 'keys_unreachable'
  | 'keys_unusable'
  /** None of the keys that were trusted is there any more. */
  | 'keys_replaced';

const maxKeys = 100;

/**
 * A set with a private or symmetric key is refused whole: whoever publishes one has lost control of it. Keys that verify
 * nothing of what we accept (by `use`, `key_ops`, type, size, `alg`; RFC 7517 §4) are left out, and one must be left.
 */
export function importKeys(jwks: unknown): Result<readonly IssuerKey[], KeySetProblem> {
  if (!isJsonObject(jwks) || !Array.isArray(jwks['keys']) || jwks['keys'].length > maxKeys)
    return err('keys_unusable');
  const keys: IssuerKey[] = [];
  for (const jwk of jwks['keys'] as readonly unknown[]) {
    if (!isJsonObject(jwk) || 'd' in jwk || 'k' in jwk || jwk['kty'] === 'oct') return err('keys_unusable');
    const key = importKey(jwk);
    if (key !== undefined) keys.push(key);
  }
  return keys.length === 0 ? err('keys_unusable') : ok(keys);
}

/** `undefined` for a key that verifies nothing of what we accept. */
export function importKey(jwk: JsonObject): IssuerKey | undefined {
  const { use, key_ops: operations, kid } = jwk;
  if (use === 'enc' || (Array.isArray(operations) && !operations.includes('verify'))) return undefined;
  // RFC 9864 gives the same algorithm a name of its own.
  const named = jwk['alg'] === 'Ed25519' ? 'EdDSA' : jwk['alg'];
  const key = publicKeyOf(jwk);
  if (key === undefined) return undefined;
  const algorithms = acceptedAlgorithms.filter(
    (algorithm) => (named === undefined || named === algorithm) && fitsAlgorithm(algorithm, key),
  );
  return algorithms.length === 0
    ? undefined
    : { keyId: typeof kid === 'string' ? kid : undefined, key, algorithms, thumbprint: thumbprintOf(key) };
}

/** RFC 7638 §3.2, RFC 8037 §2: the members that make the key, in their order, and no others. */
function thumbprintOf(key: KeyObject): string {
  const { kty, crv, x, y, e, n } = key.export({ format: 'jwk' });
  const members = kty === 'EC' ? { crv, kty, x, y } : kty === 'OKP' ? { crv, kty, x } : { e, kty, n };
  return sha256(canonicalJson(members as JsonObject));
}

/** Each once, in an order of its own, so that two sets of the same keys look the same. */
export function thumbprintsOf(keys: readonly IssuerKey[]): readonly string[] {
  return [...new Set(keys.map(({ thumbprint }) => thumbprint))].toSorted();
}

function publicKeyOf(jwk: JsonObject): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}
