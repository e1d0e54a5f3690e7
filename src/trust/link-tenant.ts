import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import { type Party, partyId, partyKind, type Principal } from '../kernel/principal.ts';
import { maxKeysPerRead, type Page, type StoredRecord } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import { findIssuer } from './find-issuer.ts';
import type { TrustRecord } from './model.ts';
import { requireParty } from './register-issuer.ts';
import { linkId, type LinkSide, type TenantLink } from './tenant-link-repository.ts';
import type { PageRequest } from './list-indexed.ts';

/** `waiting`: the other side has not said the same. Why not is not told: it may not exist. */
export interface LinkView extends TenantLink {
  readonly status: 'active' | 'waiting';
}

/**
 * A tenant agrees that an issuer speaks for it under an external id. It holds when the issuer's owner says the same of the tenant; the
 * operator, and a tenant at its own issuer, say both. Throws `unknown_party`, `issuer_unknown` (the operator), `link_taken`
 * (the issuer's owner, or the operator), `conflict`.
 */
export async function agreeToLink(
  context: TrustContext,
  tenant: string,
  input: Pick<TenantLink, 'issuer' | 'externalId'>,
  by: Principal,
): Promise<LinkView> {
  await requireParty(context, `tenant:${tenant}`);
  const record = (await context.repository.trustRecord(input.issuer))?.value;
  if (record === undefined && by.kind === 'operator')
    throw new Fault<TrustErrorCode>('issuer_unknown', 'No such issuer is registered.');
  const owns = record?.owner === `tenant:${tenant}`;
  return save(
    context,
    { ...input, tenant },
    by,
    owns || by.kind === 'operator' ? ['tenant', 'issuer'] : ['tenant'],
  );
}

/**
 * An issuer's owner says which tenant an external id of its is. It holds when that tenant agrees. Whether the tenant exists is not told.
 * Throws `not_found` (also a claim), `unknown_party` (the operator), `link_taken`, `conflict`.
 */
export async function stateLink(
  context: TrustContext,
  owner: Party,
  id: string,
  input: Pick<TenantLink, 'externalId' | 'tenant'>,
  by: Principal,
): Promise<LinkView> {
  const record = await countingIssuer(context, owner, id);
  if (by.kind === 'operator') await requireParty(context, `tenant:${input.tenant}`);
  const agrees = by.kind === 'operator' || owner === `tenant:${input.tenant}`;
  return save(context, { ...input, issuer: record.issuer }, by, agrees ? ['issuer', 'tenant'] : ['issuer']);
}

async function save(
  context: TrustContext,
  input: Pick<TenantLink, 'issuer' | 'externalId' | 'tenant'>,
  by: Principal,
  sides: readonly LinkSide[],
): Promise<LinkView> {
  const link = { ...input, id: linkId(input.issuer, input.externalId), createdAt: context.clock.now() };
  const found = {
    tenant: await context.links.get('tenant', link),
    issuer: await context.links.get('issuer', link),
  };
  if (sides.includes('issuer') && found.issuer !== undefined && found.issuer.value.tenant !== link.tenant)
    throw new Fault<TrustErrorCode>(
      'link_taken',
      'This external id is another tenant’s. Remove that link first.',
    );
  const [own = 'tenant'] = sides;
  const isWhole = sides.length > 1 || isSame(found[otherThan(own)]?.value, link);
  const status = isWhole ? 'active' : 'waiting';
  const missing = sides.filter((side) => found[side] === undefined);
  if (missing.length === 0) return { ...(found[own]?.value ?? link), status };
  const commit = await context.links.commit([
    ...missing.map((side) => context.links.insert(side, link)),
    ...reportOf(context, 'tenant-link.make', link, by),
    ...(await context.events.writes('link.made.v1', {
      link: link.id,
      tenant: link.tenant,
      state: status,
    })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The link was changed by somebody else at the same time.');
  return { ...link, status };
}

function otherThan(side: LinkSide): LinkSide {
  return side === 'tenant' ? 'issuer' : 'tenant';
}

/** Users of that external id are refused from the next exchange and call on. The operator removes both halves. Throws `not_found`, `conflict`. */
export async function unlink(
  context: TrustContext,
  side: LinkSide,
  of: string,
  id: string,
  by: Principal,
): Promise<LinkView> {
  const place = { id, issuer: of, tenant: of };
  const found = await context.links.get(side, place);
  if (found === undefined) throw new Fault('not_found', `There is no link ${id}.`);
  const otherSide = otherThan(side);
  const other = await context.links.get(otherSide, found.value);
  const removesBoth = by.kind === 'operator' && isSame(other?.value, found.value);
  const commit = await context.links.commit([
    context.links.remove(side, found),
    ...(removesBoth && other !== undefined ? [context.links.remove(otherSide, other)] : []),
    ...reportOf(context, 'tenant-link.remove', found.value, by),
    ...(await context.events.writes('link.removed.v1', { link: id, tenant: found.value.tenant })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'The link was changed by somebody else at the same time.');
  return { ...found.value, status: 'waiting' };
}

export async function listLinks(
  context: TrustContext,
  side: LinkSide,
  of: string,
  page: PageRequest,
): Promise<Page<LinkView>> {
  const found = await context.links.list(side, of, { ...page, limit: Math.min(page.limit, maxKeysPerRead) });
  const others = await context.links.getMany(
    otherThan(side),
    found.items.map(({ value }) => value),
  );
  const view = (record: StoredRecord<TenantLink>, at: number): StoredRecord<LinkView> => ({
    ...record,
    value: { ...record.value, status: isSame(others[at], record.value) ? 'active' : 'waiting' },
  });
  return { ...found, items: found.items.map(view) };
}

/** A claim has no links, for the issuer may be somebody else's. Throws `not_found`. */
export async function countingIssuer(context: TrustContext, owner: Party, id: string): Promise<TrustRecord> {
  const { value, isClaim } = await findIssuer(context, owner, id);
  if (isClaim) throw new Fault('not_found', `The issuer ${id} is not trusted yet: prove it first.`);
  return value;
}

function isSame(other: TenantLink | undefined, link: TenantLink): boolean {
  return other?.tenant === link.tenant && other.id === link.id;
}

/** Each side learns of the other’s half only that it is there: who made it is the operator's to know. */
function reportOf({ audit }: TrustContext, action: string, link: TenantLink, by: Principal) {
  const { issuer, externalId, tenant, id } = link;
  const own = by.kind === 'operator' ? (`tenant:${tenant}` as const) : by.owner;
  return audit.writes({
    action,
    outcome: 'allowed',
    actor: auditActor(by),
    [partyKind(own)]: partyId(own),
    detail: { link: id, issuer, externalId, tenant },
  });
}
