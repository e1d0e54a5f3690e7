import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { StoredRecord } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import type { KeySource } from './issuer-keys.ts';
import type { TrustRecord } from './model.ts';

export type NewIssuer = Pick<TrustRecord, 'issuer'> &
  Partial<Pick<TrustRecord, 'jwks' | 'jwksUri' | 'algorithms' | 'expiresAt'>>;

/**
 * Makes a trust record after its keys have been fetched and checked.
 * Throws `unknown_party`, `invalid_request` (our own issuer, over already), `keys_unusable`, `issuer_taken`.
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
  if (input.expiresAt !== undefined && input.expiresAt <= context.clock.now())
    throw new Fault('invalid_request', 'expiresAt must be in the future.');
  await requireUsableKeys(context, input);
  const record: TrustRecord = {
    // RSASSA-PKCS1-v1_5 only where somebody asks for it.
    algorithms: ['ES256', 'EdDSA', 'PS256'],
    ...input,
    id: context.ids.next('trs'),
    owner,
    status: 'active',
    createdAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    ...context.repository.insertTrustRecord(record),
    ...context.audit.writes({
      action: 'issuer.register',
      outcome: 'allowed',
      actor: auditActor(by),
      [partyKind(owner)]: partyId(owner),
      detail: { issuer: record.issuer, algorithms: record.algorithms },
    }),
    ...(await context.events.writes('issuer.registered.v1', { issuer: record.id, owner })),
  ]);
  if (!commit.ok) throw new Fault<TrustErrorCode>('issuer_taken', 'This issuer is registered already.');
  return record;
}

/** A disabled issuer's tokens are refused from the next exchange and call on. Throws `not_found`, `conflict`. */
export async function setIssuerStatus(
  context: TrustContext,
  owner: Party,
  id: string,
  status: TrustRecord['status'],
  by: Principal,
): Promise<TrustRecord> {
  const found = await findById(context, owner, id);
  if (found === undefined) throw new Fault('not_found', `There is no issuer ${id} of ${partyId(owner)}.`);
  const record: TrustRecord = { ...found.value, status };
  const commit = await context.repository.commit([
    context.repository.replaceTrustRecord(record, found.version),
    ...context.audit.writes({
      action: status === 'active' ? 'issuer.enable' : 'issuer.disable',
      outcome: 'allowed',
      actor: auditActor(by),
      [partyKind(owner)]: partyId(owner),
      detail: { issuer: record.issuer },
    }),
    ...(status === found.value.status
      ? []
      : await context.events.writes(status === 'active' ? 'issuer.enabled.v1' : 'issuer.disabled.v1', {
          issuer: id,
          owner,
        })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The issuer was changed by somebody else at the same time.');
  return record;
}

async function findById(
  context: TrustContext,
  owner: Party,
  id: string,
): Promise<StoredRecord<TrustRecord> | undefined> {
  for await (const record of context.repository.eachTrustRecord(owner))
    if (record.value.id === id) return record;
  return undefined;
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
export async function requireUsableKeys(context: TrustContext, source: KeySource): Promise<void> {
  const checked = await context.issuerKeys.check(source);
  if (checked.ok) return;
  throw new Fault<TrustErrorCode>(
    'keys_unusable',
    checked.error === 'keys_unreachable'
      ? 'The key set could not be fetched from its URL.'
      : 'The key set must hold 1 to 100 public keys for ES256, EdDSA, PS256 or RS256, and no private or symmetric ones.',
  );
}
