import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import { concerns, inForceWrites, requireParties } from './make-agreement.ts';
import type { Agreement } from './model.ts';

/**
 * From now on it is in force, as it was proposed: terms cannot be changed, only proposed anew. By the side that did not propose
 * it, or the operator. Accepted already: as it is. Throws `not_found`, `forbidden`, `unknown_party`, `conflict`.
 */
export async function acceptAgreement(context: TrustContext, id: string, by: Principal): Promise<Agreement> {
  const { value, version } = await requireAgreement(context, id, by);
  if (by.kind === 'client' && by.owner === value.proposedBy)
    throw new Fault('forbidden', 'It is for the other side to accept.');
  if (value.status === 'active') return value;
  if (value.status === 'revoked') throw new Fault('conflict', 'The proposal was withdrawn or declined.');
  if (value.expiresAt !== undefined && value.expiresAt <= context.clock.now())
    throw new Fault('conflict', 'The time for which it was proposed is over.');
  await requireParties(context, value);
  const agreement: Agreement = { ...value, status: 'active' };
  const commit = await context.repository.commit([
    ...context.repository.acceptAgreement(agreement, version),
    ...(await inForceWrites(context, agreement, 'agreement.accept', by)),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The agreement was changed by somebody else at the same time.');
  return agreement;
}

/** Throws `not_found`, the same for what does not exist and what is between others. */
export async function requireAgreement(
  context: TrustContext,
  id: string,
  by: Principal,
): Promise<StoredRecord<Agreement>> {
  const record = await context.repository.agreement(id);
  if (record === undefined || !concerns(record.value, by))
    throw new Fault('not_found', `There is no agreement ${id}.`);
  return record;
}
