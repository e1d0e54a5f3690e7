import { Fault } from '../kernel/fault.ts';
import type { Party, Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import { findIssuer, saveIssuer } from './find-issuer.ts';
import type { TrustRecord } from './model.ts';
import { requireUsableKeys, seen, vouched } from './register-issuer.ts';

/**
 * The operator's yes: to what was proven, or to keys that were replaced. Throws `not_found`, `issuer_unproven`, `issuer_taken` (another
 * has the issuer: its record has to go first), `keys_unusable`, `conflict`.
 */
export async function approveIssuer(
  context: TrustContext,
  owner: Party,
  id: string,
  by: Principal,
): Promise<TrustRecord> {
  const found = await findIssuer(context, owner, id);
  const { challenge: _, reason: __, ...before } = found.value;
  if (before.status === 'active') return found.value;
  if (before.status === 'pending')
    throw new Fault<TrustErrorCode>(
      'issuer_unproven',
      'Nothing is proven yet. The owner has to verify first.',
    );
  if (before.status === 'disabled') throw new Fault('conflict', 'The issuer is disabled. Enable it first.');
  const record: TrustRecord =
    before.status === 'verified'
      ? { ...before, status: 'active' }
      : { ...before, ...seen(before, await requireUsableKeys(context, before)), ...vouched(context) };
  const saved = await saveIssuer(context, found, record, {
    by,
    entry: { action: 'issuer.approve', detail: { from: before.status } },
    event: 'issuer.registered.v1',
  });
  return saved.record;
}
