import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import { findIssuer, saveIssuer } from './find-issuer.ts';
import type { FoundIssuer } from './issuer-repository.ts';
import type { TrustRecord } from './model.ts';
import { type Proof, type ProofProblem, proveIssuer } from './prove-issuer.ts';
import { seen } from './register-issuer.ts';

const explanations = {
  metadata_unreachable:
    'The issuer’s metadata could not be read, neither as openid-configuration nor as oauth-authorization-server.',
  metadata_issuer_differs: 'The issuer’s metadata names another issuer; it has to be the same to the letter.',
  metadata_keys_differ: 'The issuer’s metadata names another key set, or a pinned key is not in it.',
  keys_unusable: 'The key set that the issuer’s metadata names cannot be fetched or used.',
  challenge_not_published: 'The challenge is not published, neither in DNS nor under the issuer’s origin.',
  proof_malformed: 'The signed challenge is no JWS of the type a2a-broker-challenge+jwt.',
  proof_claims_wrong:
    'The signed challenge needs iss (the issuer), aud (this broker), challenge (that of the record), iat, and exp within a day.',
  proof_key_unknown: 'The challenge is not signed by a published key with an algorithm of the record.',
} as const satisfies Record<ProofProblem, string>;

/**
 * Looks whether the owner controls the issuer. A tenant's issuer is then trusted; a provider's waits for the operator, as does one that
 * somebody else has. Throws `not_found`, `conflict` (nothing to prove), `issuer_unproven`.
 */
export async function verifyIssuer(
  context: TrustContext,
  owner: Party,
  id: string,
  proof: string | undefined,
  by: Principal,
): Promise<TrustRecord> {
  const found = await findIssuer(context, owner, id);
  const { status } = found.value;
  if (status !== 'pending' && status !== 'keys_replaced' && status !== 'verified')
    throw new Fault('conflict', `The issuer is ${status}: there is nothing to prove.`);
  const proven = await proveIssuer(context, found.value, proof);
  if (!proven.ok) throw await refuse(context, found.value, proven.error, by);
  const isFree = partyKind(owner) === 'tenant' && (await isUnclaimed(context, found));
  const record = isFree
    ? activated(context, found.value, proven.value)
    : waiting(context, found.value, proven.value);
  const saved = await saveIssuer(context, found, record, {
    by,
    entry: { action: 'issuer.verify', detail: { place: proven.value.place, status: record.status } },
    event: isFree ? 'issuer.registered.v1' : 'issuer.verified.v1',
  });
  return saved.record;
}

/** Nobody else's record counts for this issuer. The commit has the last word. */
async function isUnclaimed(context: TrustContext, { isClaim, value }: FoundIssuer): Promise<boolean> {
  return !isClaim || (await context.repository.trustRecord(value.issuer)) === undefined;
}

function activated(context: TrustContext, record: TrustRecord, proof: Proof): TrustRecord {
  const { challenge: _, reason: __, ...rest } = waiting(context, record, proof);
  return { ...rest, status: 'active' };
}

/** The keys that were proven are the ones that are trusted: later ones have to follow from them. */
function waiting(context: TrustContext, record: TrustRecord, { place, keys }: Proof): TrustRecord {
  return {
    ...record,
    ...seen(record, keys),
    status: 'verified',
    reason: 'It is proven, and waits for the operator’s approval.',
    trustedBy: { how: place, at: context.clock.now() },
  };
}

async function refuse(
  context: TrustContext,
  { owner, issuer, id }: TrustRecord,
  problem: ProofProblem,
  by: Principal,
): Promise<Fault> {
  await context.audit.record({
    action: 'issuer.verify',
    outcome: 'refused',
    reason: problem,
    actor: auditActor(by),
    [partyKind(owner)]: partyId(owner),
    detail: { issuer, record: id },
  });
  return new Fault<TrustErrorCode>('issuer_unproven', explanations[problem]);
}
