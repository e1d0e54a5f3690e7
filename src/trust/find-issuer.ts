import { auditActor, type AuditEntry } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { EventType } from '../events/catalogue.ts';
import type { TrustContext } from './deps.ts';
import type { FoundIssuer } from './issuer-repository.ts';
import type { TrustRecord } from './model.ts';
import { issuerTaken } from './register-issuer.ts';

/** A record or claim of this owner; another's is like one that does not exist. Throws `not_found`. */
export async function findIssuer(context: TrustContext, owner: Party, id: string): Promise<FoundIssuer> {
  const found = await context.issuers.find(owner, id);
  if (found === undefined) throw new Fault('not_found', `There is no issuer ${id} of ${partyId(owner)}.`);
  return found;
}

/** Throws `issuer_taken` when a claim is to become active and another has the issuer, `conflict`. */
export async function saveIssuer(
  context: TrustContext,
  found: FoundIssuer,
  record: TrustRecord,
  report: {
    readonly by: Principal;
    readonly entry: Pick<AuditEntry, 'action'> & Partial<Pick<AuditEntry, 'detail'>>;
    readonly event?: Extract<EventType, `issuer.${string}`>;
  },
): Promise<{ readonly record: TrustRecord; readonly version: string }> {
  const { owner, id, issuer } = record;
  const commit = await context.repository.commit([
    ...context.issuers.save(found, record),
    ...context.audit.writes({
      ...report.entry,
      outcome: 'allowed',
      actor: auditActor(report.by),
      [partyKind(owner)]: partyId(owner),
      detail: { issuer, ...report.entry.detail },
    }),
    ...(report.event === undefined ? [] : await context.events.writes(report.event, { issuer: id, owner })),
  ]);
  if (commit.ok) return { record, version: commit.version };
  // The claim itself unchanged, it was the place of the record that was not free.
  const [first, ...others] = commit.failed;
  if (found.isClaim && record.status === 'active' && first === 0 && others.length === 0) throw issuerTaken();
  throw new Fault('conflict', 'The issuer was changed by somebody else at the same time.');
}
