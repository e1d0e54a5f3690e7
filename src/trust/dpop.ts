import { BoundedCache } from '../kernel/bounded-cache.ts';
import { epochSeconds } from '../kernel/clock.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { confirmationOf } from './confirmation.ts';
import type { TrustContext } from './deps.ts';
import { createNonces } from './dpop-nonce.ts';
import {
  type DpopProblem,
  type DpopProof,
  parseProof,
  type ProofKey,
  readProofKey,
  type ProofRequest,
  type SentProof,
  verifyProof,
} from './dpop-proof.ts';
import type { Dpop } from './possession.ts';

export function createDpop(context: Omit<TrustContext, 'dpop'>): Dpop {
  const policy = context.dpopPolicy ?? { required: false, nonceRequired: false };
  const nonces = createNonces({ ...context, secret: context.keys.pairwiseSecret() });
  /** A client's proofs all have the same header: key and thumbprint are made once. Only of those whose signature was right. */
  const known = new BoundedCache<ProofKey>(5000);
  /** Spares the store what was used here a moment ago; the store has the last word. */
  const used = new BoundedCache<true>(20_000);

  function read(header: string | undefined): Result<SentProof, DpopProblem> {
    const sent = parseProof(header);
    if (!sent.ok) return sent;
    const { nonce } = sent.value;
    if (nonce === undefined) return policy.nonceRequired ? err('dpop_nonce_missing') : sent;
    return nonces.isValid(nonce) ? sent : err('dpop_nonce_wrong');
  }

  function verify(sent: SentProof, request: ProofRequest): Result<DpopProof, DpopProblem> {
    const cached = known.get(sent.headerPart);
    const key = cached === undefined ? readProofKey(sent.header) : ok(cached);
    if (!key.ok) return key;
    const proof = verifyProof(sent, key.value, request, epochSeconds(context.clock));
    if (proof.ok && cached === undefined) known.set(sent.headerPart, key.value);
    return proof;
  }

  async function isFirstUse({ digest, expiresAt }: DpopProof): Promise<boolean> {
    if (used.get(digest) === true) return false;
    const { ok: isFirst } = await context.repository.commit([context.repository.useProof(digest, expiresAt)]);
    used.set(digest, true);
    return isFirst;
  }

  return {
    policy,
    nonce: () => nonces.current(),
    read,
    verify,
    async checkPresented({ text, claims }, possession) {
      const confirmation = confirmationOf(claims);
      // We sign no other; yet what is not understood must not be ignored.
      if (confirmation === 'unknown') return err('token_confirmation_unknown');
      if (possession === undefined) {
        if (confirmation !== undefined) return err('token_is_bound');
        return policy.required ? err('token_not_bound') : ok(undefined);
      }
      if (confirmation === undefined) return err('token_not_bound');
      const sent = read(possession.proof);
      if (!sent.ok) return sent;
      const proof = verify(sent.value, { ...possession, accessToken: text });
      if (!proof.ok) return proof;
      if (proof.value.jkt !== confirmation.jkt) return err('dpop_key_wrong');
      return (await isFirstUse(proof.value)) ? ok(undefined) : err('dpop_proof_replayed');
    },
  };
}
