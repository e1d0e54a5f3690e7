import type { KeyObject } from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { isJsonObject, type JsonObject } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { clockSkewSeconds, isSeconds, type JwtParts, splitJwt } from './jwt.ts';
import { importKey } from './key-set.ts';
import { type Algorithm, clientAlgorithms, verifySignature } from './signature.ts';
import { isSameUri } from './uri-form.ts';

/** Why possession of a key was not shown, for the audit log. */
export type DpopProblem =
  | 'dpop_proof_missing'
  | 'dpop_proof_malformed'
  | 'dpop_type_wrong'
  | 'dpop_algorithm_refused'
  | 'dpop_key_refused'
  | 'dpop_signature_wrong'
  | 'dpop_method_wrong'
  | 'dpop_uri_wrong'
  | 'dpop_time_wrong'
  | 'dpop_token_wrong'
  | 'dpop_key_wrong'
  | 'dpop_nonce_missing'
  | 'dpop_nonce_wrong'
  | 'dpop_proof_replayed';

/** Whether a fresh nonce is all that is missing (RFC 9449 §8). */
export function asksForNonce(problem: string): boolean {
  return problem === 'dpop_nonce_missing' || problem === 'dpop_nonce_wrong';
}

export function isDpopProblem(problem: string): problem is DpopProblem {
  return problem.startsWith('dpop_');
}

/** A proof is good for this long after its `iat`, give or take the skew of clocks. */
export const proofSeconds = 60;
/** With the largest key that is accepted, 8192 bits of RSA, a proof has about 5 KB. */
export const maxProofBytes = 8 * 1024;
const maxTextLength = 256;
const maxUriLength = 2048;

/** Other ways to bring or name a key, and demands that we would have to understand (RFC 7515 §4.1). */
const refusedHeaders = ['jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'crit', 'b64', 'enc', 'zip'];
/** RFC 9449 §4.3 (7); and certificates, which say of the key what nobody would check. */
const refusedMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'x5u', 'x5c', 'x5t', 'x5t#S256'];

/** The public key that a proof brings. */
export interface ProofKey {
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
  /** Its SHA-256 thumbprint (RFC 7638), which `cnf.jkt` of a bound token names. */
  readonly jkt: string;
}

/** What was sent, well-formed; nothing is verified but its form. */
export interface SentProof extends JwtParts {
  readonly jti: string;
  /** Epoch seconds. */
  readonly iat: number;
  readonly nonce: string | undefined;
}

/** Possession of a key, shown for one request. */
export interface DpopProof {
  readonly jkt: string;
  /** Names the proof: good once, and remembered until `expiresAt`, epoch seconds. */
  readonly digest: string;
  readonly expiresAt: number;
}

/** RFC 9449 §4.3 (1) to (3). Of two headers, HTTP makes one value with a comma, which is no JWT. */
export function parseProof(header: string | undefined): Result<SentProof, DpopProblem> {
  if (header === undefined) return err('dpop_proof_missing');
  const parts = splitJwt(header, maxProofBytes);
  if (parts === undefined) return err('dpop_proof_malformed');
  const { jti, iat, nonce } = parts.claims;
  if (!isShortText(jti) || !isSeconds(iat)) return err('dpop_proof_malformed');
  if (nonce !== undefined && !isShortText(nonce)) return err('dpop_proof_malformed');
  return ok({ ...parts, jti, iat, nonce });
}

/** RFC 9449 §4.2 and §4.3 (4), (5), (7): the header of a proof, without its signature. */
export function readProofKey(header: JsonObject): Result<ProofKey, DpopProblem> {
  if (header['typ'] !== 'dpop+jwt') return err('dpop_type_wrong');
  const algorithm = clientAlgorithms.find((accepted) => accepted === header['alg']);
  if (algorithm === undefined) return err('dpop_algorithm_refused');
  const { jwk } = header;
  if (!isJsonObject(jwk) || refusedHeaders.some((name) => Object.hasOwn(header, name)))
    return err('dpop_key_refused');
  if (refusedMembers.some((name) => Object.hasOwn(jwk, name))) return err('dpop_key_refused');
  const imported = importKey(jwk);
  if (imported === undefined || !imported.algorithms.includes(algorithm)) return err('dpop_key_refused');
  return ok({ algorithm, key: imported.key, jkt: thumbprint(imported.key) });
}

/** What a proof must be about. */
export interface ProofRequest {
  readonly method: string;
  /** The address at which the broker is known, never what the request says its host is. */
  readonly uri: string;
  /** With a token: the proof must name it (`ath`). */
  readonly accessToken?: string;
}

/** RFC 9449 §4.3 (6), (8), (9), (11), (12), and the part of (12) that needs no token. Replay is not looked at. */
export function verifyProof(
  sent: SentProof,
  { algorithm, key, jkt }: ProofKey,
  request: ProofRequest,
  now: number,
): Result<DpopProof, DpopProblem> {
  if (!verifySignature(algorithm, key, sent.signingInput, sent.signature)) return err('dpop_signature_wrong');
  const { htm, htu, ath, exp, nbf } = sent.claims;
  if (htm !== request.method) return err('dpop_method_wrong');
  if (typeof htu !== 'string' || htu.length > maxUriLength || !isSameUri(htu, request.uri))
    return err('dpop_uri_wrong');
  if (!isNow(sent.iat, now) || !isWithin(exp, nbf, now)) return err('dpop_time_wrong');
  if (request.accessToken !== undefined && ath !== sha256(request.accessToken))
    return err('dpop_token_wrong');
  return ok({
    jkt,
    // An id is its key's own, so that nobody can use up another's.
    digest: sha256(lengthPrefixed(jkt, sent.jti)),
    expiresAt: Math.ceil(sent.iat) + proofSeconds + clockSkewSeconds + 1,
  });
}

function isNow(iat: number, now: number): boolean {
  return iat >= now - proofSeconds && iat <= now + clockSkewSeconds;
}

/** A proof needs neither; one that limits itself is taken at its word. */
function isWithin(exp: unknown, nbf: unknown, now: number): boolean {
  return (
    (exp === undefined || (isSeconds(exp) && exp > now - clockSkewSeconds)) &&
    (nbf === undefined || (isSeconds(nbf) && nbf <= now + clockSkewSeconds))
  );
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxTextLength;
}

/** RFC 7638, of the key itself: how its JWK was written does not matter. */
function thumbprint(key: KeyObject): string {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  return sha256(
    canonicalJson(kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }),
  );
}
