import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord } from '../storage/port.ts';
import { changeSet, type VersionedPolicy } from './change-set.ts';
import { requireValid } from './create-policy.ts';
import type { PolicyContext } from './deps.ts';
import type { Policy, PolicyOwner } from './policy.ts';

export type PolicyContent = Pick<Policy, 'text' | 'enabled'> & Partial<Pick<Policy, 'description'>>;

export interface PolicyName {
  readonly owner: PolicyOwner;
  readonly id: string;
}

export interface Update {
  readonly by: Principal;
  /** From `If-Match`. */
  readonly version?: string | undefined;
}

/** Throws `not_found`, `policy_invalid`, `precondition_failed`, `too_many_policies`, `conflict`. */
export async function replacePolicy(
  context: PolicyContext,
  name: PolicyName,
  content: PolicyContent,
  update: Update,
): Promise<VersionedPolicy> {
  const effect = requireValid(context, content.text);
  return changeSet(context, name.owner, update.by, async () => {
    const { value: before, version } = await requirePolicy(context, name, update.version);
    const { id, owner, createdAt } = before;
    const policy: Policy = { ...content, id, owner, effect, createdAt, updatedAt: context.clock.now() };
    return { verb: 'change', policy, before, write: context.repository.replacePolicy(policy, version) };
  });
}

/** Answers what it was. Throws `not_found`, `precondition_failed`, `conflict`. */
export async function deletePolicy(
  context: PolicyContext,
  name: PolicyName,
  update: Update,
): Promise<Policy> {
  const deleted = await changeSet(context, name.owner, update.by, async () => {
    const { value, version } = await requirePolicy(context, name, update.version);
    const write = context.repository.deletePolicy(value, version);
    return { verb: 'delete', policy: value, before: value, write };
  });
  return deleted.policy;
}

/** Throws `not_found`, `precondition_failed`. */
export async function requirePolicy(
  context: PolicyContext,
  { owner, id }: PolicyName,
  version?: string,
): Promise<StoredRecord<Policy>> {
  const record = await context.repository.policy(owner, id);
  if (record === undefined) throw new Fault('not_found', `There is no policy ${id}.`);
  if (version !== undefined && version !== record.version)
    throw new Fault('precondition_failed', 'The policy has changed since it was read.');
  return record;
}
