import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose';
import { isSameTarget } from './same-target.ts';
import { dpopAlgorithms, TenantContextError, type TenantContextErrorCode } from './tenant-context.ts';

/** The request that a bound token came with. */
export interface PresentedRequest {
  readonly method: string;
  /** The value of the header `DPoP`; of several, HTTP makes one value with commas, which is refused. */
  readonly dpop: string | undefined;
  /** Where it was sent, as callers know it; default: the verifier's own `url`. */
  readonly url?: string | undefined;
}

/** Whether a proof with this id is new. It must be remembered until `expiresAt`, epoch seconds, by all processes together. */
export type UseProof = (id: string, expiresAt: number) => boolean | Promise<boolean>;

const maxProofBytes = 8 * 1024;
const proofSeconds = 60;
const skewSeconds = 30;
/** Certificates say of a key what nobody here checks, and a private key is one that everybody has. */
const refusedMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'x5u', 'x5c'];

/** Possession of the key that a token is bound to (RFC 9449 §4.3). Throws {@link TenantContextError}. */
export async function verifyPossession(
  token: { readonly text: string; readonly jkt: string },
  request: { readonly method: string; readonly url: string; readonly dpop: string | undefined },
  deps: { readonly now: () => number; readonly useProof: UseProof },
): Promise<void> {
  const { dpop } = request;
  if (dpop === undefined) throw refuse('dpop_proof_missing', 'The call has no DPoP header.');
  const { claims, jkt } = await readProof(dpop, deps.now);
  const now = deps.now() / 1000;
  const { htm, htu, ath, jti, iat } = claims;
  if (jkt !== token.jkt)
    throw refuse('dpop_key_wrong', 'The token is bound to another key than the proof’s.');
  if (htm !== request.method) throw refuse('dpop_request_wrong', 'The proof is for another method.');
  if (typeof htu !== 'string' || !isSameTarget(htu, request.url))
    throw refuse(
      'dpop_request_wrong',
      `The proof is for another address. Expected is ${request.url}, as callers know it.`,
    );
  if (ath !== createHash('sha256').update(token.text).digest('base64url'))
    throw refuse('dpop_token_wrong', 'The proof is for another token.');
  if (typeof iat !== 'number' || iat < now - proofSeconds || iat > now + skewSeconds)
    throw refuse(
      'dpop_time_wrong',
      'The proof was not made just now: compare this machine’s clock with the caller’s.',
    );
  if (typeof jti !== 'string' || jti === '' || jti.length > 256)
    throw refuse('dpop_proof_malformed', 'The proof has no usable id.');
  const id = createHash('sha256').update(`${jkt}.${jti}`).digest('base64url');
  if (!(await deps.useProof(id, Math.ceil(iat) + proofSeconds + skewSeconds + 1)))
    throw refuse('dpop_proof_replayed', 'The proof was used before.');
}

async function readProof(
  proof: string,
  now: () => number,
): Promise<{ readonly claims: JWTPayload; readonly jkt: string }> {
  if (proof.length > maxProofBytes) throw refuse('dpop_proof_malformed', 'The proof is too long.');
  try {
    const { jwk = {} } = decodeProtectedHeader(proof);
    if (refusedMembers.some((name) => Object.hasOwn(jwk, name)))
      throw refuse('dpop_proof_malformed', 'The proof’s key must be a public key and nothing else.');
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...dpopAlgorithms],
      clockTolerance: skewSeconds,
      currentDate: new Date(now()),
    });
    return { claims: payload, jkt: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) };
  } catch (error) {
    if (error instanceof TenantContextError) throw error;
    throw refuse('dpop_proof_malformed', 'The proof is not a DPoP proof that holds.', error);
  }
}

/**
 * Remembers proofs in this process, at most `max` of them. Who runs several processes gives them a guard that they share, such as a
 * conditional put.
 */
export function createProofMemory(now: () => number, max = 100_000): UseProof {
  const used = new Map<string, number>();
  return (id, expiresAt) => {
    if (used.has(id)) return false;
    const seconds = now() / 1000;
    for (const [known, end] of used) {
      // In the order in which they came: those after it are younger, or it is full of live ones, and then nothing more is taken.
      if (end > seconds) break;
      used.delete(known);
    }
    if (used.size >= max) return false;
    used.set(id, expiresAt);
    return true;
  };
}

function refuse(code: TenantContextErrorCode, message: string, cause?: unknown): TenantContextError {
  return new TenantContextError(code, message, cause === undefined ? {} : { cause });
}
