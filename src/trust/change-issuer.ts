import { Fault } from '../kernel/fault.ts';
import type { Party, Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import { findIssuer, saveIssuer } from './find-issuer.ts';
import { newChallenge } from './issuer-challenge.ts';
import type { KeySource } from './issuer-keys.ts';
import type { FoundIssuer } from './issuer-repository.ts';
import type { TenantMapping, TrustRecord } from './model.ts';
import { requireFuture, requireUsableKeys, requireUsableMapping, seen, vouched } from './register-issuer.ts';

/** `null` takes an optional member away; a key source takes the place of the one before. */
export interface IssuerChange {
  readonly jwks?: NonNullable<TrustRecord['jwks']>;
  readonly jwksUri?: string;
  readonly algorithms?: TrustRecord['algorithms'];
  readonly audience?: string | null;
  readonly tenantMapping?: TenantMapping;
  readonly expiresAt?: number | null;
}

/**
 * Other keys, by the owner, have to be proven before anything rests on them again; by the operator they count at once. Throws
 * `not_found`, `precondition_failed`, `invalid_request`, `keys_unusable`, `conflict`.
 */
export async function changeIssuer(
  context: TrustContext,
  owner: Party,
  id: string,
  change: IssuerChange,
  update: { readonly by: Principal; readonly version: string | undefined },
): Promise<{ readonly record: TrustRecord; readonly version: string }> {
  const found = await findIssuer(context, owner, id);
  if (update.version !== undefined && update.version !== found.version)
    throw new Fault('precondition_failed', 'The issuer has changed since you read it.');
  requireFuture(context, change.expiresAt);
  await requireUsableMapping(change.tenantMapping);
  const { jwks, jwksUri, ...members } = change;
  const plain = withMembers(found.value, members);
  const hasNewKeys = jwks !== undefined || jwksUri !== undefined;
  const source = jwks === undefined ? { jwksUri: jwksUri ?? '' } : { jwks };
  const record = hasNewKeys ? await withKeys(context, found, plain, source, update.by) : plain;
  return saveIssuer(context, found, record, {
    by: update.by,
    entry: { action: 'issuer.change', detail: { changed: Object.keys(change), status: record.status } },
    event: 'issuer.changed.v1',
  });
}

function withMembers(
  record: TrustRecord,
  {
    algorithms,
    audience,
    tenantMapping = record.tenantMapping,
    expiresAt,
  }: Omit<IssuerChange, 'jwks' | 'jwksUri'>,
): TrustRecord {
  const { audience: audienceBefore, expiresAt: expiresBefore, ...rest } = record;
  const nextAudience = audience === undefined ? audienceBefore : (audience ?? undefined);
  const nextExpiry = expiresAt === undefined ? expiresBefore : (expiresAt ?? undefined);
  return {
    ...rest,
    algorithms: algorithms ?? record.algorithms,
    ...(tenantMapping === undefined ? {} : { tenantMapping }),
    ...(nextAudience === undefined ? {} : { audience: nextAudience }),
    ...(nextExpiry === undefined ? {} : { expiresAt: nextExpiry }),
  };
}

async function withKeys(
  context: TrustContext,
  { isClaim, value }: FoundIssuer,
  record: TrustRecord,
  source: KeySource,
  by: Principal,
): Promise<TrustRecord> {
  const keys = await requireUsableKeys(context, source);
  const changed = { ...withoutKeys(record), ...source, ...seen(source, keys) };
  const isDisabled = value.status === 'disabled';
  if (by.kind === 'operator' && !isClaim) {
    const trusted = { ...changed, ...vouched(context) };
    return isDisabled ? { ...trusted, status: 'disabled', disabledFrom: 'active' } : trusted;
  }
  const reason = 'Its key source was changed, and is not proven yet.';
  const unproven = { ...changed, reason, challenge: newChallenge() };
  return isDisabled ? { ...unproven, disabledFrom: 'pending' } : { ...unproven, status: 'pending' };
}

/** Nothing that was said of the keys before holds for others. */
function withoutKeys(record: TrustRecord): TrustRecord {
  const { jwks: _, jwksUri: _uri, seenKeys: _seen, keysSeenAt: _at, ...rest } = record;
  const { challenge: _challenge, reason: _reason, trustedBy: _trust, ...bare } = rest;
  return bare;
}
