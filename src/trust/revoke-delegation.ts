import { auditActor } from '../audit/index.ts';
import { epochSeconds } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord, Write } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { Delegation } from './model.ts';
import { type DelegationView, requireVisible, showDelegation } from './show-delegations.ts';

/**
 * Takes back one delegation: its token, and everything that continues it, is refused at exchanges and at the gateway. Whoever
 * may see a delegation may end it: the tenant in whose name it is, and the companies at both of its ends. The first reason
 * stays. Throws `not_found`, `conflict`.
 */
export async function revokeDelegation(
  context: TrustContext,
  id: string,
  reason: string,
  by: Principal,
): Promise<DelegationView> {
  const record = await context.repository.delegationRecord(id);
  const delegation = await requireVisible(context, id, record?.value, by);
  if (record === undefined || delegation.revokedAt !== undefined)
    return showDelegation(context, delegation, by);
  const revoked = revokedNow(context, delegation, reason);
  const commit = await context.repository.commit([
    ...(await revocationWrites(context, record, revoked)),
    ...context.audit.writes({ ...revocationEntry(revoked, auditActor(by)), reason }),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The delegation was changed by somebody else at the same time.');
  return showDelegation(context, revoked, by);
}

export function revokedNow(context: TrustContext, delegation: Delegation, reason: string): Delegation {
  return { ...delegation, revokedAt: epochSeconds(context.clock), revokedReason: reason };
}

/** What is revoked and its events; the audit entry is the caller's. */
export async function revocationWrites(
  context: TrustContext,
  record: StoredRecord<Delegation>,
  revoked: Delegation,
): Promise<readonly Write[]> {
  const before = await sameHopBefore(context, revoked);
  const all = [
    { version: record.version, value: revoked },
    ...(before === undefined
      ? []
      : [
          {
            version: before.version,
            value: revokedNow(context, before.value, revoked.revokedReason ?? ''),
          },
        ]),
  ];
  const writes = await Promise.all(
    all.map(async ({ version, value }) => {
      const { id, txn, tenant, provider, agent } = value;
      const told = { delegation: id, txn, tenant, provider, agent };
      return [
        context.repository.replaceDelegation(value, version),
        ...(await context.events.writes('delegation.revoked.v1', told)),
      ];
    }),
  );
  return writes.flat();
}

/**
 * The caller's token, when this is the one that the gateway made of it for the agent: the two are one hop, of as many actors. With
 * the second alone revoked, the gateway would go on to deliver calls, under a token that counts for nothing.
 */
async function sameHopBefore(
  context: TrustContext,
  { deployment, parent, depth }: Delegation,
): Promise<StoredRecord<Delegation> | undefined> {
  if (deployment === undefined || parent === undefined) return undefined;
  const record = await context.repository.delegationRecord(parent);
  return record?.value.depth === depth && record.value.revokedAt === undefined ? record : undefined;
}

export function revocationEntry({ id, txn, tenant, provider, agent, clientId }: Delegation, actor: string) {
  return {
    action: 'delegation.revoke',
    outcome: 'allowed',
    actor,
    client: clientId,
    tenant,
    provider,
    agent,
    txn,
    detail: { delegation: id },
  } as const;
}
