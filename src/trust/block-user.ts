import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { maxKeysPerRead } from '../storage/port.ts';
import type { BlockedUser, User } from '../tenancy/index.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';

/** A user as the tenant's own issuer knows it, or as one provider does (pairwise). */
export type UserName = User | { readonly provider: string; readonly sub: string };

/**
 * Throws `unknown_issuer` (none of the tenant's: a mistyped one would leave the user at work), `not_found` (no such tenant, or
 * no user of this tenant has this pairwise subject), `conflict`.
 */
export async function blockUser(
  context: TrustContext,
  tenant: string,
  name: UserName,
  reason: string,
  by: Principal,
): Promise<BlockedUser> {
  if ((await context.tenancy.getTenant(tenant)) === undefined)
    throw new Fault('not_found', `There is no tenant ${tenant}.`);
  const user = await userOf(context, tenant, name);
  if (!(await isIssuerOf(context, tenant, user.issuer)))
    throw new Fault<TrustErrorCode>('unknown_issuer', `${tenant} has no issuer ${user.issuer}.`);
  return context.tenancy.blockUser(tenant, user, reason, by);
}

/** Throws `not_found`, `conflict`. */
export async function unblockUser(
  context: TrustContext,
  tenant: string,
  name: UserName,
  reason: string,
  by: Principal,
): Promise<BlockedUser> {
  return context.tenancy.unblockUser(tenant, await userOf(context, tenant, name), reason, by);
}

/** Another tenant's user is like one that nobody has. */
async function userOf(context: TrustContext, tenant: string, name: UserName): Promise<User> {
  if (!('sub' in name)) return name;
  const known = await context.repository.pairwise(name.provider, name.sub);
  if (known?.tenant !== tenant)
    throw new Fault('not_found', `No user of ${tenant} has this subject at ${name.provider}.`);
  return { issuer: known.issuer, subject: known.subject };
}

/** Its own, or one that serves many tenants and that it has agreed to. */
async function isIssuerOf(context: TrustContext, tenant: string, issuer: string): Promise<boolean> {
  for await (const { value } of context.issuers.each(`tenant:${tenant}`))
    if (value.issuer === issuer) return true;
  let cursor: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof context.links.list>> = await context.links.list('tenant', tenant, {
      limit: maxKeysPerRead,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (page.items.some(({ value }) => value.issuer === issuer)) return true;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return false;
}
