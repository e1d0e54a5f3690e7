import type { ReadOptions, StoredRecord } from '../storage/port.ts';
import type { PolicyContext } from './deps.ts';
import { type ExchangeFacts, ownersWithASay } from './exchange-facts.ts';
import { ownerKind, type PolicySet } from './policy.ts';
import type { Verdict } from './verdict.ts';

export interface Decision {
  readonly decision: 'allow' | 'refuse';
  /** Of each owner who has enabled policies and takes part. */
  readonly verdicts: readonly Verdict[];
}

const recent: ReadOptions = { consistency: 'eventual' };

/**
 * Asks everybody who has a say; one refusal is enough. Without any policy this is one read, of a record that is known lately. A yes may
 * rest on what was known lately; before a no, the policies are read as they are, so that what was just mended counts at once.
 */
export async function decideExchange(context: PolicyContext, facts: ExchangeFacts): Promise<Decision> {
  const known = await activeSets(context, facts, recent);
  const decision = decide(context, known, facts);
  if (decision.decision === 'allow') return decision;
  const now = await activeSets(context, facts);
  const isSame = now.length === known.length && now.every((set, at) => set.version === known[at]?.version);
  return isSame ? decision : decide(context, now, facts);
}

async function activeSets(
  { repository }: PolicyContext,
  facts: ExchangeFacts,
  options?: ReadOptions,
): Promise<readonly StoredRecord<PolicySet>[]> {
  const active = await repository.activeOwners(options);
  const owners = ownersWithASay(facts).filter((owner) => active[ownerKind(owner)] > 0);
  if (owners.length === 0) return [];
  const found = await repository.sets(owners, options);
  return found.filter((set) => set !== undefined).filter(({ value }) => value.active.length > 0);
}

function decide(
  { evaluator }: PolicyContext,
  sets: readonly StoredRecord<PolicySet>[],
  facts: ExchangeFacts,
): Decision {
  const verdicts = sets.map(({ value, version }) => evaluator.evaluate(value, facts, version));
  return { decision: together(verdicts), verdicts };
}

export function together(verdicts: readonly Verdict[]): Decision['decision'] {
  return verdicts.some(({ decision }) => decision === 'refuse') ? 'refuse' : 'allow';
}
