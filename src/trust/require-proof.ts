import type { TrustContext } from './deps.ts';
import { asksForNonce, type DpopProblem, type DpopProof, type SentProof } from './dpop-proof.ts';
import { OAuthRefusal } from './errors.ts';
import type { Client } from './model.ts';

/** A proof at the token endpoint, as far as form and nonce (RFC 9449 §8). Throws `invalid_dpop_proof`, `use_dpop_nonce`. */
export function readProof(context: TrustContext, header: string): SentProof {
  const sent = context.dpop.read(header);
  if (!sent.ok) throw refusedProof(sent.error);
  return sent.value;
}

/**
 * The key that the client shows to possess (RFC 9449 §4.3, §5): what it gets is bound to it. `undefined` without a proof, which a
 * client, or the broker's configuration, may not allow (§5.2). Throws `invalid_dpop_proof`.
 */
export function requireProof(
  context: TrustContext,
  client: Client,
  sent: SentProof | undefined,
): DpopProof | undefined {
  if (sent === undefined) {
    if (client.dpopBoundAccessTokens === true || context.dpop.policy.required)
      throw new OAuthRefusal(
        'invalid_dpop_proof',
        'dpop_proof_missing',
        'This client gets tokens that are bound to a key only: a DPoP proof is needed.',
      );
    return undefined;
  }
  const proof = context.dpop.verify(sent, { method: 'POST', uri: `${context.brokerUrl}/oauth/token` });
  if (!proof.ok) throw refusedProof(proof.error);
  return proof.value;
}

/** The audit log says which check failed. */
export function refusedProof(problem: DpopProblem): OAuthRefusal {
  return asksForNonce(problem)
    ? new OAuthRefusal('use_dpop_nonce', problem, 'The DPoP proof needs the nonce of the header DPoP-Nonce.')
    : new OAuthRefusal('invalid_dpop_proof', problem, 'The DPoP proof is not valid for this request.');
}
