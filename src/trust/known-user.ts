import type { Write } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { Delegation } from './model.ts';
import { pairwiseSubject } from './pairwise-subject.ts';

/** A user as one provider knows it. */
export interface KnownUser {
  /** Pairwise. */
  readonly sub: string;
  /** The provider's own id, where it said one. */
  readonly audSub?: string | undefined;
}

/**
 * Who the user is at a provider: under the version of the secret under which the provider has seen it first, or the newest when it has not.
 * The writes remember a user that is new there.
 */
export async function knownUser(
  context: Pick<TrustContext, 'keys' | 'repository'>,
  provider: string,
  tenant: string,
  origin: Delegation['origin'],
): Promise<{ readonly user: KnownUser; readonly writes: readonly Write[] }> {
  const { issuer, subject } = origin;
  const subs = context.keys
    .pairwiseSecrets()
    .map(({ version, secret }) => pairwiseSubject(secret, { provider, issuer, tenant, subject }, version));
  const known = await context.repository.pairwiseOf(provider, subs);
  const [first] = known.flatMap((record) => (record === undefined ? [] : [record]));
  if (first !== undefined) return { user: { sub: first.sort, audSub: first.value.audSub }, writes: [] };
  const sub = subs.at(-1);
  if (sub === undefined) throw new Error('there is no pairwise secret');
  return {
    user: { sub },
    writes: [context.repository.rememberPairwise(provider, sub, { tenant, ...origin })],
  };
}
