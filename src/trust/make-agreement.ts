import { instant } from '../api/present.ts';
import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import type { Agreement } from './model.ts';
import { requireParty } from './register-issuer.ts';

export type NewAgreement = Pick<Agreement, 'from' | 'to'> &
  Partial<Pick<Agreement, 'scopes' | 'maxDepth' | 'tenants' | 'residency' | 'priceReference' | 'expiresAt'>>;

/** Of one side to the other, that nobody has answered yet: nobody needs more, and nobody should have to read them. */
const maxProposals = 10;
/** Of one side to all others together. */
const maxOpenProposals = 200;

/**
 * The operator's is in force. One side's is a proposal, which binds nobody until the other side accepts it.
 * Throws `unknown_party` (to the operator: a side is not told who else there is), `invalid_request`, `forbidden`, `conflict`.
 */
export async function makeAgreement(
  context: TrustContext,
  input: NewAgreement,
  by: Principal,
): Promise<Agreement> {
  if (input.from === input.to) throw new Fault('invalid_request', 'An agreement is between two parties.');
  if (input.expiresAt !== undefined && input.expiresAt <= context.clock.now())
    throw new Fault('invalid_request', 'expiresAt must be in the future.');
  if (by.kind === 'operator') await requireParties(context, input);
  else await requireMayPropose(context, input, by);
  const agreement: Agreement = {
    ...input,
    id: context.ids.next('agr'),
    ...(by.kind === 'operator' ? { status: 'active' } : { status: 'proposed', proposedBy: by.owner }),
    createdAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    ...context.repository.insertAgreement(agreement),
    ...(by.kind === 'operator'
      ? await inForceWrites(context, agreement, 'agreement.make', by)
      : [
          ...context.audit.writes({
            ...agreementEntry(agreement, by),
            // Whether there is another side, the log does not know yet either.
            provider: partyId(by.owner),
            action: 'agreement.propose',
          }),
          ...(await context.events.writes('agreement.proposed.v1', partiesOf(agreement))),
        ]),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The agreement could not be made. Try again.');
  return agreement;
}

export async function requireParties(
  context: TrustContext,
  { from, to }: Pick<Agreement, 'from' | 'to'>,
): Promise<void> {
  await Promise.all([requireParty(context, from), requireParty(context, to)]);
}

async function requireMayPropose(
  context: TrustContext,
  { from, to }: NewAgreement,
  { owner }: Extract<Principal, { kind: 'client' }>,
): Promise<void> {
  if (owner !== from && owner !== to)
    throw new Fault('forbidden', `This token may only propose agreements of ${owner}.`);
  if (partyKind(from) === 'tenant' || partyKind(to) === 'tenant')
    throw new Fault('forbidden', 'Agreements with tenants are made by the operator.');
  const open = await context.repository.countProposals({ from, to, proposedBy: owner }, maxOpenProposals);
  if (open.ofPair >= maxProposals)
    throw new Fault('conflict', `${maxProposals} proposals wait for an answer already. Withdraw one first.`);
  // Whether the other side exists is not told, so without this there could be proposals to endless names.
  if (open.ofAll >= maxOpenProposals)
    throw new Fault(
      'conflict',
      `${maxOpenProposals} proposals to all others wait for an answer already. Withdraw one first.`,
    );
}

/** What says that an agreement is in force from now on. */
export async function inForceWrites(
  context: TrustContext,
  agreement: Agreement,
  action: 'agreement.make' | 'agreement.accept',
  by: Principal,
) {
  return [
    ...context.audit.writes({ ...agreementEntry(agreement, by), action }),
    ...(await context.events.writes('agreement.made.v1', {
      ...partiesOf(agreement),
      expiresAt: agreement.expiresAt === undefined ? undefined : instant(agreement.expiresAt),
    })),
  ];
}

export function isInForce(agreement: Agreement | undefined, now: number): agreement is Agreement {
  return agreement?.status === 'active' && (agreement.expiresAt === undefined || agreement.expiresAt > now);
}

/** The operator and either side. */
export function concerns(agreement: Agreement, by: Principal): boolean {
  return by.kind === 'operator' || by.owner === agreement.from || by.owner === agreement.to;
}

export function partiesOf({ id, from, to }: Agreement) {
  return { agreement: id, from, to };
}

export function agreementEntry(agreement: Agreement, by: Principal) {
  return {
    outcome: 'allowed',
    actor: auditActor(by),
    // Of two companies of one kind the log has room for one: the one that passes context on.
    [partyKind(agreement.to)]: partyId(agreement.to),
    [partyKind(agreement.from)]: partyId(agreement.from),
    detail: partiesOf(agreement),
  } as const;
}
