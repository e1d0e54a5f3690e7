import { auditActor } from '../audit/index.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { ReadOptions } from '../storage/port.ts';
import type { TenancyContext } from './deps.ts';
import type { BlockedUser, User } from './tenant.ts';
import { requireTenant } from './update-tenant.ts';

/**
 * From the next exchange and call on, nothing is done in the user's name for this tenant. Blocked already: the first reason
 * stays. Throws `not_found` (tenant), `conflict`.
 */
export async function blockUser(
  context: TenancyContext,
  tenant: string,
  user: User,
  reason: string,
  by: Principal,
): Promise<BlockedUser> {
  const owner = await requireTenant(context, tenant);
  const id = userId(tenant, user);
  const known = await context.repository.blockedUser(tenant, id);
  if (known !== undefined) return known.value;
  const blocked: BlockedUser = { ...user, id, tenant, reason, blockedAt: context.clock.now() };
  const commit = await context.repository.commit([
    context.repository.insertBlockedUser(blocked),
    ...(owner.value.blocksUsers === true
      ? []
      : [context.repository.replaceTenant({ ...owner.value, blocksUsers: true }, owner.version)]),
    ...context.audit.writes({ ...entry(blocked, by), action: 'user.block', reason }),
    ...(await context.events.writes('user.blocked.v1', { tenant, blocked: id })),
  ]);
  if (!commit.ok) throw changedMeanwhile();
  return blocked;
}

/** Throws `not_found`, also for a user whom nobody has blocked; `conflict`. */
export async function unblockUser(
  context: TenancyContext,
  tenant: string,
  user: User,
  reason: string,
  by: Principal,
): Promise<BlockedUser> {
  const record = await context.repository.blockedUser(tenant, userId(tenant, user));
  if (record === undefined) throw new Fault('not_found', `Tenant ${tenant} has not blocked this user.`);
  const { value } = record;
  const commit = await context.repository.commit([
    context.repository.deleteBlockedUser(value, record.version),
    ...context.audit.writes({ ...entry(value, by), action: 'user.unblock', reason }),
    ...(await context.events.writes('user.unblocked.v1', { tenant, blocked: value.id })),
  ]);
  if (!commit.ok) throw changedMeanwhile();
  return value;
}

/** To be asked of tenants with `blocksUsers` only. */
export async function isUserBlocked(
  context: TenancyContext,
  tenant: string,
  user: User,
  options?: ReadOptions,
): Promise<boolean> {
  return (await context.repository.blockedUser(tenant, userId(tenant, user), options)) !== undefined;
}

/** Of this tenant: the same person has another one elsewhere. */
function userId(tenant: string, { issuer, subject }: User): string {
  return sha256(lengthPrefixed(tenant, issuer, subject));
}

/** Who it is stays in the record, which can be erased. */
function entry({ tenant, id, issuer }: BlockedUser, by: Principal) {
  return { outcome: 'allowed', actor: auditActor(by), tenant, detail: { user: id, issuer } } as const;
}

function changedMeanwhile(): Fault {
  return new Fault(
    'conflict',
    'The tenant or its user was changed by somebody else at the same time. Try again.',
  );
}
