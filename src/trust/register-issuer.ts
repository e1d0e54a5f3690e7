import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import { compileMapping } from './cel-mapping.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import { newChallenge } from './issuer-challenge.ts';
import type { KeySet, KeySource } from './issuer-keys.ts';
import type { FoundIssuer } from './issuer-repository.ts';
import type { TenantMapping, TrustRecord } from './model.ts';

export type NewIssuer = Pick<TrustRecord, 'issuer'> &
  Partial<Pick<TrustRecord, 'jwks' | 'jwksUri' | 'algorithms' | 'audience' | 'tenantMapping' | 'expiresAt'>>;

/** So many may wait for their proof. */
const maxClaims = 50;

/**
 * What the operator registers is trusted on the operator's word. What a party's own client registers is a claim, on which nothing
 * rests until it is proven: it neither keeps the issuer from its true owner nor tells whether somebody else has it. The keys are
 * fetched and checked in either case.
 * Throws `unknown_party`, `invalid_request` (our own issuer, over already), `keys_unusable`, `issuer_taken` (a claim: by its own
 * owner), `conflict` (too many claims).
 */
export async function registerIssuer(
  context: TrustContext,
  owner: Party,
  input: NewIssuer,
  by: Principal,
): Promise<TrustRecord> {
  await requireParty(context, owner);
  // Whoever reads a chain of actors must not take somebody's `https://broker/` for our `https://broker`.
  if (new URL(input.issuer).host === new URL(context.brokerUrl).host)
    throw new Fault('invalid_request', 'The broker is its own issuer.');
  requireFuture(context, input.expiresAt);
  await requireUsableMapping(input.tenantMapping);
  const keys = await requireUsableKeys(context, input);
  const record: TrustRecord = {
    // RSASSA-PKCS1-v1_5 only where somebody asks for it.
    algorithms: ['ES256', 'EdDSA', 'PS256'],
    ...input,
    ...seen(input, keys),
    id: context.ids.next('trs'),
    owner,
    createdAt: context.clock.now(),
    ...(by.kind === 'operator' ? vouched(context) : unproven()),
  };
  const own = await ownClaims(context, record);
  const isClaim = record.status === 'pending';
  if (isClaim) await requireRoom(context, record, own.count);
  const same = own.same.flatMap(({ value, version }) => context.issuers.removeClaim(value, version));
  const commit = await context.repository.commit([
    ...(isClaim ? context.issuers.insertClaim(record) : context.issuers.insertRecord(record)),
    ...same,
    ...context.audit.writes({
      action: isClaim ? 'issuer.claim' : 'issuer.register',
      outcome: 'allowed',
      actor: auditActor(by),
      [partyKind(owner)]: partyId(owner),
      detail: { issuer: record.issuer, algorithms: record.algorithms },
    }),
    ...(await context.events.writes(isClaim ? 'issuer.claimed.v1' : 'issuer.registered.v1', {
      issuer: record.id,
      owner,
    })),
  ]);
  if (commit.ok) return record;
  if (!isClaim && commit.failed.includes(0)) throw issuerTaken();
  throw new Fault('conflict', 'The issuer was claimed again at the same time.');
}

export function issuerTaken(): Fault {
  return new Fault<TrustErrorCode>('issuer_taken', 'This issuer is registered already.');
}

/** Throws `invalid_request`. */
export function requireFuture({ clock }: TrustContext, expiresAt: number | null | undefined): void {
  if (typeof expiresAt === 'number' && expiresAt <= clock.now())
    throw new Fault('invalid_request', 'expiresAt must be in the future.');
}

/** Throws `mapping_unusable`. */
export async function requireUsableMapping(mapping: TenantMapping | undefined): Promise<void> {
  if (mapping?.kind !== 'cel') return;
  const compiled = await compileMapping(mapping.expression);
  if (!compiled.ok)
    throw new Fault<TrustErrorCode>('mapping_unusable', `The expression ${compiled.error}.`, {
      fields: [{ path: '/tenantMapping/expression', message: compiled.error }],
    });
}

/** Active on the operator's word. */
export function vouched({ clock }: TrustContext): Pick<TrustRecord, 'status' | 'trustedBy'> {
  return { status: 'active', trustedBy: { how: 'operator', at: clock.now() } };
}

function unproven(): Pick<TrustRecord, 'status' | 'reason' | 'challenge'> {
  return { status: 'pending', reason: 'It is claimed, and not proven yet.', challenge: newChallenge() };
}

/** What is remembered of the keys when they become trusted; of pinned ones nothing, for they are in the record. */
export function seen(source: KeySource, keys: KeySet): Pick<TrustRecord, 'seenKeys' | 'keysSeenAt'> {
  return source.jwks === undefined ? { seenKeys: keys.thumbprints, keysSeenAt: keys.fetchedAt } : {};
}

/** The owner's claims: how many, and those of the same issuer, which the new one takes the place of. */
async function ownClaims(context: TrustContext, { owner, issuer }: TrustRecord) {
  const claims: FoundIssuer[] = [];
  for await (const found of context.issuers.each(owner)) if (found.isClaim) claims.push(found);
  return { count: claims.length, same: claims.filter(({ value }) => value.issuer === issuer) };
}

async function requireRoom(context: TrustContext, { owner, issuer }: TrustRecord, count: number) {
  const counting = await context.repository.trustRecord(issuer);
  if (counting?.value.owner === owner) throw issuerTaken();
  if (count >= maxClaims)
    throw new Fault('conflict', `${maxClaims} claims wait for their proof. Prove some of them first.`);
}

/** Throws `unknown_party`. */
export async function requireParty(context: TrustContext, party: Party): Promise<void> {
  const id = partyId(party);
  const found =
    partyKind(party) === 'provider'
      ? await context.registry.getProvider(id)
      : await context.tenancy.getTenant(id);
  if (found === undefined)
    throw new Fault<TrustErrorCode>('unknown_party', `There is no ${partyKind(party)} ${id}.`);
}

/** Throws `keys_unusable`. */
export async function requireUsableKeys(context: TrustContext, source: KeySource): Promise<KeySet> {
  const checked = await context.issuerKeys.check(source);
  if (checked.ok) return checked.value;
  throw new Fault<TrustErrorCode>(
    'keys_unusable',
    checked.error === 'keys_unreachable'
      ? 'The key set could not be fetched from its URL.'
      : 'The key set must hold 1 to 100 public keys for ES256, EdDSA, PS256 or RS256, and no private or symmetric ones.',
  );
}
