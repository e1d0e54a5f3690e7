import { instant } from '../api/present.ts';
import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import type { Agreement } from './model.ts';
import { requireParty } from './register-issuer.ts';

export type NewAgreement = Pick<Agreement, 'from' | 'to'> &
  Partial<Pick<Agreement, 'scopes' | 'maxDepth' | 'tenants' | 'expiresAt'>>;

/** Throws `unknown_party`, `invalid_request`. */
export async function makeAgreement(
  context: TrustContext,
  input: NewAgreement,
  by: Principal,
): Promise<Agreement> {
  if (input.from === input.to) throw new Fault('invalid_request', 'An agreement is between two parties.');
  if (input.expiresAt !== undefined && input.expiresAt <= context.clock.now())
    throw new Fault('invalid_request', 'expiresAt must be in the future.');
  await Promise.all([requireParty(context, input.from), requireParty(context, input.to)]);
  const agreement: Agreement = {
    ...input,
    id: context.ids.next('agr'),
    status: 'active',
    createdAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    ...context.repository.insertAgreement(agreement),
    ...context.audit.writes({ ...entry(agreement, by), action: 'agreement.make' }),
    ...(await context.events.writes('agreement.made.v1', {
      ...partiesOf(agreement),
      expiresAt: agreement.expiresAt === undefined ? undefined : instant(agreement.expiresAt),
    })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The agreement could not be made. Try again.');
  return agreement;
}

/** Exchanges under it stop at once, and so do live tokens whose chain rests on it. Throws `not_found`, `conflict`. */
export async function revokeAgreement(
  context: TrustContext,
  id: string,
  reason: string,
  by: Principal,
): Promise<Agreement> {
  const record = await context.repository.agreement(id);
  if (record === undefined || !mayTouch(record.value, by))
    throw new Fault('not_found', `There is no agreement ${id}.`);
  if (record.value.status === 'revoked') return record.value;
  const agreement: Agreement = { ...record.value, status: 'revoked', reason };
  const commit = await context.repository.commit([
    context.repository.replaceAgreement(agreement, record.version),
    ...context.audit.writes({ ...entry(agreement, by), action: 'agreement.revoke', reason }),
    ...(await context.events.writes('agreement.revoked.v1', partiesOf(agreement))),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The agreement was changed by somebody else at the same time.');
  return agreement;
}

export function isInForce(agreement: Agreement | undefined, now: number): agreement is Agreement {
  return agreement?.status === 'active' && (agreement.expiresAt === undefined || agreement.expiresAt > now);
}

/** The operator and either side. */
function mayTouch(agreement: Agreement, by: Principal): boolean {
  return by.kind === 'operator' || by.owner === agreement.from || by.owner === agreement.to;
}

function partiesOf({ id, from, to }: Agreement) {
  return { agreement: id, from, to };
}

function entry(agreement: Agreement, by: Principal) {
  return {
    outcome: 'allowed',
    actor: auditActor(by),
    // Of two companies of one kind the log has room for one: the one that passes context on.
    [partyKind(agreement.to)]: partyId(agreement.to),
    [partyKind(agreement.from)]: partyId(agreement.from),
    detail: partiesOf(agreement),
  } as const;
}
