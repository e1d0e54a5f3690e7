import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import { agreementEntry, partiesOf } from './make-agreement.ts';
import type { Agreement } from './model.ts';
import { requireAgreement } from './accept-agreement.ts';

/**
 * Exchanges under it stop at once, and so do live tokens whose chain rests on it. A proposal is declined or withdrawn. The first
 * reason stays. Throws `not_found`, `conflict`.
 */
export async function revokeAgreement(
  context: TrustContext,
  id: string,
  reason: string,
  by: Principal,
): Promise<Agreement> {
  const { value, version } = await requireAgreement(context, id, by);
  if (value.status === 'revoked') return value;
  const agreement: Agreement = { ...value, status: 'revoked', reason };
  const wasProposed = value.status === 'proposed';
  const commit = await context.repository.commit([
    ...context.repository.revokeAgreement(agreement, version),
    ...context.audit.writes({
      ...agreementEntry(agreement, by),
      action: wasProposed ? 'agreement.decline' : 'agreement.revoke',
      reason,
    }),
    ...(await context.events.writes(
      wasProposed ? 'agreement.declined.v1' : 'agreement.revoked.v1',
      partiesOf(agreement),
    )),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The agreement was changed by somebody else at the same time.');
  return agreement;
}
