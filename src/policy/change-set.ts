import { type AuditEntry, auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { Write } from '../storage/port.ts';
import type { PolicyContext } from './deps.ts';
import type { PolicyErrorCode } from './errors.ts';
import {
  type ActiveOwners,
  maxPoliciesPerOwner,
  ownerKind,
  type Policy,
  type PolicyOwner,
  type PolicySet,
} from './policy.ts';

export interface PolicyChange {
  readonly verb: 'create' | 'change' | 'delete';
  /** As it becomes; or as it was, of one that is deleted. */
  readonly policy: Policy;
  /** Absent for a new one. */
  readonly before?: Policy;
  readonly write: Write;
}

export interface VersionedPolicy {
  readonly policy: Policy;
  readonly version: string;
}

const attempts = 5;
/** What a record may have, with room for its key. */
export const maxSetBytes = 320_000;

/**
 * Writes a policy, the owner's set that exchanges read, audit and event in one commit. Other policies of the owner may change at the same
 * time: then it begins anew, with `read`. Throws what `read` throws, `too_many_policies`, `conflict`.
 */
export async function changeSet(
  context: PolicyContext,
  owner: PolicyOwner,
  by: Principal,
  read: () => Promise<PolicyChange>,
): Promise<VersionedPolicy> {
  const { repository } = context;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const change = await read();
    const [[found], owners] = await Promise.all([repository.sets([owner]), repository.activeOwnersRecord()]);
    const before = found?.value ?? { owner, total: 0, active: [] };
    const after = changed(before, change);
    const commit = await repository.commit([
      change.write,
      repository.saveSet(after, found?.version),
      ...countOwner(context, owners, before, after),
      ...context.audit.writes(entryOf(change, by)),
      ...(await eventOf(context, change)),
    ]);
    if (commit.ok) return { policy: change.policy, version: commit.version };
  }
  throw new Fault('conflict', 'Other policies of this owner were changed at the same time. Try again.');
}

/** Throws `too_many_policies`. */
function changed(set: PolicySet, { verb, policy }: PolicyChange): PolicySet {
  const total = set.total + { create: 1, change: 0, delete: -1 }[verb];
  if (verb === 'create' && total > maxPoliciesPerOwner)
    throw tooMany(`An owner may have ${maxPoliciesPerOwner} policies.`);
  const { id, effect, text } = policy;
  const others = set.active.filter((other) => other.id !== id);
  const isActive = verb !== 'delete' && policy.enabled;
  const next = { owner: set.owner, total, active: isActive ? [...others, { id, effect, text }] : others };
  if (isActive && Buffer.byteLength(JSON.stringify(next)) > maxSetBytes)
    throw tooMany('The enabled policies of this owner are too long together.');
  return next;
}

function tooMany(message: string): Fault {
  return new Fault<PolicyErrorCode>('too_many_policies', message);
}

/** Only the first and the last enabled policy of an owner change how many owners have any. */
function countOwner(
  { repository }: PolicyContext,
  owners: { readonly value: ActiveOwners; readonly version: string } | undefined,
  before: PolicySet,
  after: PolicySet,
): readonly Write[] {
  const step = Number(after.active.length > 0) - Number(before.active.length > 0);
  if (step === 0) return [];
  const counts = owners?.value ?? { operator: 0, provider: 0, tenant: 0 };
  const kind = ownerKind(after.owner);
  return [repository.saveActiveOwners({ ...counts, [kind]: counts[kind] + step }, owners?.version)];
}

function entryOf({ verb, policy }: PolicyChange, by: Principal): AuditEntry {
  const { id, owner, effect, enabled, text } = policy;
  return {
    action: `policy.${verb}`,
    outcome: 'allowed',
    actor: auditActor(by),
    ...(owner === 'operator' ? {} : { [partyKind(owner)]: partyId(owner) }),
    detail: { policy: id, owner, effect, enabled, text },
  };
}

const events = {
  create: 'policy.created.v1',
  change: 'policy.changed.v1',
  delete: 'policy.deleted.v1',
} as const;

/** Other words in its description are no event. */
async function eventOf(context: PolicyContext, change: PolicyChange): Promise<readonly Write[]> {
  const { verb, policy, before } = change;
  const { id, owner, effect, enabled, text } = policy;
  if (verb === 'change' && text === before?.text && enabled === before.enabled) return [];
  return context.events.writes(events[verb], { policy: id, owner, effect, enabled });
}
