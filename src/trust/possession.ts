import type { JsonObject } from '../kernel/json.ts';
import type { Result } from '../kernel/result.ts';
import type { DpopProblem, DpopProof, ProofRequest, SentProof } from './dpop-proof.ts';
import type { TokenProblem } from './jwt.ts';

export interface DpopPolicy {
  /** Every token is bound to a key, and no other is taken. */
  readonly required: boolean;
  /** Every proof needs a nonce of ours. */
  readonly nonceRequired: boolean;
}

/** How a token was presented under the scheme `DPoP`: the request that its proof must be about. */
export interface Possession extends Omit<ProofRequest, 'accessToken'> {
  /** The value of the header `DPoP`. */
  readonly proof: string | undefined;
}

/** RFC 9449: tokens that are of use only to whoever holds a key. */
export interface Dpop {
  readonly policy: DpopPolicy;
  /** To be sent as `DPoP-Nonce`. */
  nonce(): string;
  /** Form and nonce: what can be told before it is known who asks. */
  read(header: string | undefined): Result<SentProof, DpopProblem>;
  /** Everything else but whether it was used before: the digest is for a write that settles that. */
  verify(sent: SentProof, request: ProofRequest): Result<DpopProof, DpopProblem>;
  /**
   * Whether a token of ours may be used in this way (RFC 9449 §7): a bound one with a proof of its key that was never used
   * before, at any replica; one that is not bound as `Bearer`, without `possession`.
   */
  checkPresented(
    token: { readonly text: string; readonly claims: JsonObject },
    possession: Possession | undefined,
  ): Promise<Result<undefined, TokenProblem | DpopProblem>>;
}
