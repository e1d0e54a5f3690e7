import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import { changeSet, type VersionedPolicy } from './change-set.ts';
import type { PolicyContext } from './deps.ts';
import type { PolicyErrorCode } from './errors.ts';
import type { Effect, Policy, PolicyOwner } from './policy.ts';

export type NewPolicy = Pick<Policy, 'owner' | 'text' | 'enabled'> &
  Partial<Pick<Policy, 'id' | 'description'>>;

/**
 * In force with the next exchange; on other replicas within seconds.
 * Throws `unknown_party`, `policy_invalid`, `policy_exists`, `too_many_policies`, `conflict`.
 */
export async function createPolicy(
  context: PolicyContext,
  input: NewPolicy,
  by: Principal,
): Promise<VersionedPolicy> {
  await requireOwner(context, input.owner);
  const effect = requireValid(context, input.text);
  const now = context.clock.now();
  const id = input.id ?? context.ids.next('pol');
  const policy: Policy = { ...input, id, effect, createdAt: now, updatedAt: now };
  return changeSet(context, policy.owner, by, async () => {
    if ((await context.repository.policy(policy.owner, id)) !== undefined)
      throw new Fault<PolicyErrorCode>('policy_exists', `There is a policy ${id} already.`);
    return { verb: 'create', policy, write: context.repository.insertPolicy(policy) };
  });
}

/** Throws `unknown_party`. */
async function requireOwner(context: PolicyContext, owner: PolicyOwner): Promise<void> {
  if (owner === 'operator') return;
  const id = partyId(owner);
  const kind = partyKind(owner);
  const found =
    kind === 'provider' ? await context.registry.getProvider(id) : await context.tenancy.getTenant(id);
  if (found === undefined) throw new Fault<PolicyErrorCode>('unknown_party', `There is no ${kind} ${id}.`);
}

/** Throws `policy_invalid`, which says where. */
export function requireValid(context: PolicyContext, text: string, path = '/text'): Effect {
  const checked = context.evaluator.checkText(text);
  if (checked.ok) return checked.value;
  throw new Fault<PolicyErrorCode>('policy_invalid', `The policy is not valid: ${checked.error[0]}.`, {
    fields: checked.error.map((message) => ({ path, message })),
  });
}
