import { asText } from '../kernel/json.ts';
import { sha256 } from '../kernel/digest.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import type { TrustContext } from './deps.ts';
import type { DpopProblem } from './dpop-proof.ts';
import type { TokenProblem } from './jwt.ts';
import type { Delegation } from './model.ts';
import type { OwnTokenVerifier } from './own-token.ts';
import type { Possession } from './possession.ts';
import { recordMisuse } from './record-misuse.ts';
import { recent } from './recent-facts.ts';
import { brokeredUrl } from './resolve-target.ts';

/** A validated tenant context: what a call token says, and the delegation that backs it. */
export interface CallContext {
  readonly delegation: Delegation;
  readonly jti: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/**
 * A token whose audience is this agent at this broker, presented in the way that it demands. Whether its chain still holds is
 * {@link checkChain}'s question.
 */
export async function verifyCallToken(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  token: string,
  agentId: string,
  possession: Possession | undefined,
): Promise<Result<CallContext, TokenProblem | DpopProblem>> {
  const claims = verifier.verify(token, brokeredUrl(context.brokerUrl, agentId));
  if (!claims.ok) return claims;
  const jti = asText(claims.value['jti']);
  const delegation = await context.repository.delegation(sha256(jti), recent);
  if (delegation === undefined) return err('token_revoked');
  // A token that was made for a deployment is for the provider, whatever its audience says.
  if (delegation.agent !== agentId || delegation.deployment !== undefined) return err('token_audience_wrong');
  const presented = await context.dpop.checkPresented({ text: token, claims: claims.value }, possession);
  if (!presented.ok) {
    const { clientId: client, tenant, provider, agent, txn, id } = delegation;
    const about = { client, tenant, provider, agent, txn, detail: { delegation: id } };
    await recordMisuse(context, about, presented.error);
    return presented;
  }
  return ok({ delegation, jti, expiresAt: delegation.expiresAt });
}
