import type { AuditEntry } from '../audit/index.ts';
import type { TrustContext } from './deps.ts';
import { asksForNonce, type DpopProblem } from './dpop-proof.ts';
import type { TokenProblem } from './jwt.ts';

/**
 * A live token was presented in a way that it does not allow: without its key, or with a proof that was seen before. Whose token it is
 * should know, for that is how a theft shows. Who presented it is not known: the entry has no actor. Of many, some are listed, and
 * then how many there were. That a nonce was missing is no misuse.
 */
export async function recordMisuse(
  context: TrustContext,
  about: Pick<AuditEntry, 'tenant' | 'provider' | 'agent' | 'txn' | 'detail'> & { readonly client: string },
  reason: TokenProblem | DpopProblem,
): Promise<void> {
  if (asksForNonce(reason)) return;
  const action = 'token.present';
  const entry = { action, outcome: 'refused', reason, ...about } as const;
  const admitted = context.refusals.admit(`${action} ${reason} ${about.client}`, entry);
  if (admitted !== undefined) await context.audit.record(admitted);
}
