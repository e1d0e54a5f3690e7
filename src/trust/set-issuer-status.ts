import { Fault } from '../kernel/fault.ts';
import type { Party, Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import { findIssuer, saveIssuer } from './find-issuer.ts';
import type { TrustRecord } from './model.ts';

/**
 * A disabled issuer's tokens are refused from the next exchange and call on. Enabled, it is again what it was before: what was not
 * proven then is not now. Throws `not_found`, `forbidden` (the owner, what the operator disabled), `conflict` (a claim, on which
 * nothing rests yet).
 */
export async function setIssuerStatus(
  context: TrustContext,
  owner: Party,
  id: string,
  status: 'active' | 'disabled',
  by: Principal,
): Promise<TrustRecord> {
  const found = await findIssuer(context, owner, id);
  const before = found.value;
  if (found.isClaim)
    throw new Fault('conflict', 'The issuer is not trusted yet: there is nothing to change.');
  const record = status === 'disabled' ? disable(before, by) : enable(before, by);
  const saved = await saveIssuer(context, found, record, {
    by,
    entry: { action: status === 'active' ? 'issuer.enable' : 'issuer.disable' },
    ...(record.status === before.status
      ? {}
      : { event: status === 'active' ? 'issuer.enabled.v1' : 'issuer.disabled.v1' }),
  });
  return saved.record;
}

function disable(record: TrustRecord, by: Principal): TrustRecord {
  const isOperator = by.kind === 'operator';
  if (record.status === 'disabled') return isOperator ? { ...record, disabledBy: 'operator' } : record;
  return {
    ...record,
    status: 'disabled',
    disabledFrom: record.status,
    disabledBy: isOperator ? 'operator' : 'owner',
  };
}

function enable(record: TrustRecord, by: Principal): TrustRecord {
  const { disabledFrom = 'active', disabledBy, ...rest } = record;
  if (record.status !== 'disabled') return record;
  if (disabledBy === 'operator' && by.kind !== 'operator')
    throw new Fault('forbidden', 'The operator has disabled this issuer, and only the operator enables it.');
  return { ...rest, status: disabledFrom };
}
