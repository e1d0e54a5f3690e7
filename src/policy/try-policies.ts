import type { Principal } from '../kernel/principal.ts';
import { requireValid } from './create-policy.ts';
import { type Decision, together } from './decide-exchange.ts';
import type { PolicyContext } from './deps.ts';
import { type ExchangeFacts, ownersWithASay } from './exchange-facts.ts';
import type { PolicyOwner, PolicySet } from './policy.ts';

export interface Trial {
  readonly facts: ExchangeFacts;
  /** Only this owner's policies. */
  readonly owner?: PolicyOwner | undefined;
  /** As if this policy of the owner were enabled too; one of the same id gives way to it. */
  readonly draft?: { readonly id?: string | undefined; readonly text: string } | undefined;
}

/**
 * What would be decided; nothing is issued and nothing written. The facts are the caller's own words and nothing is looked up, and a party
 * hears only its own policies: so it learns nothing of others. Throws `policy_invalid`.
 */
export async function tryPolicies(
  context: PolicyContext,
  { facts, owner, draft }: Trial,
  by: Principal,
): Promise<Decision> {
  const own = owner ?? (by.kind === 'client' ? by.owner : undefined);
  const owners = own === undefined ? ownersWithASay(facts) : [own];
  const drafter = own ?? 'operator';
  const stored = await context.repository.sets(owners);
  const sets = owners.map((each, at): PolicySet => {
    const set = stored[at]?.value ?? { owner: each, total: 0, active: [] };
    return draft === undefined || each !== drafter ? set : withDraft(context, set, draft);
  });
  const verdicts = sets
    .filter(({ active }) => active.length > 0)
    .map((set) => context.evaluator.evaluateDraft(set, facts));
  return { decision: together(verdicts), verdicts };
}

function withDraft(
  context: PolicyContext,
  set: PolicySet,
  { id = 'draft', text }: NonNullable<Trial['draft']>,
): PolicySet {
  const effect = requireValid(context, text, '/draft/text');
  return { ...set, active: [...set.active.filter((policy) => policy.id !== id), { id, effect, text }] };
}
