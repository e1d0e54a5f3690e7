import { type AuditEntry, auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Page, StoredRecord, Write } from '../storage/port.ts';
import type { ProviderAccount } from './account-repository.ts';
import type { TenancyContext } from './deps.ts';
import type { TenancyErrorCode } from './errors.ts';
import type { PageRequest } from './tenant-repository.ts';
import type { Subscription } from './tenant.ts';
import { requireTenant } from './update-tenant.ts';

/** Two writes each, in one commit with the account's own. */
const maxCopies = 40;

/**
 * Says under which id a provider knows a tenant, for all of its agents: tokens for them carry it as `aud_tenant` from the next one on. A
 * provider says it of its customers alone; who is none is like who does not exist. Throws `not_found`, `account_taken` (one account is one
 * tenant's), `conflict`.
 */
export async function linkAccount(
  context: TenancyContext,
  { provider, tenant, audTenant }: Pick<ProviderAccount, 'provider' | 'tenant' | 'audTenant'>,
  by: Principal,
): Promise<ProviderAccount> {
  const subscriptions = await subscriptionsOf(context, provider, tenant);
  await requireCustomer(context, { provider, tenant }, subscriptions, by);
  const before = await context.accounts.get(provider, tenant);
  const account: ProviderAccount = { provider, tenant, audTenant, updatedAt: context.clock.now() };
  const commit = await context.repository.commit([
    ...context.accounts.save(account, before),
    ...copies(context, subscriptions, (value) => ({ ...value, audTenant })),
    ...context.audit.writes(entryOf('account.link', account, by)),
    ...(await context.events.writes('account.linked.v1', { provider, tenant })),
  ]);
  if (commit.ok) return account;
  throw accountFault(commit.failed, before?.value.audTenant !== audTenant);
}

/** From the next token on the provider is told no id of its own for the tenant. Throws `not_found`, `conflict`. */
export async function unlinkAccount(
  context: TenancyContext,
  { provider, tenant }: Pick<ProviderAccount, 'provider' | 'tenant'>,
  by: Principal,
): Promise<ProviderAccount> {
  const found = await requireAccount(context, provider, tenant);
  const subscriptions = await subscriptionsOf(context, provider, tenant);
  const commit = await context.repository.commit([
    ...context.accounts.remove(found),
    ...copies(context, subscriptions, ({ audTenant: _, ...value }) => value),
    ...context.audit.writes(entryOf('account.unlink', found.value, by)),
    ...(await context.events.writes('account.unlinked.v1', { provider, tenant })),
  ]);
  if (!commit.ok) throw accountFault(commit.failed, false);
  return found.value;
}

/** Throws `not_found`. */
export async function requireAccount(
  context: TenancyContext,
  provider: string,
  tenant: string,
): Promise<StoredRecord<ProviderAccount>> {
  const found = await context.accounts.get(provider, tenant);
  if (found === undefined) throw new Fault('not_found', `${provider} has no id of its own for ${tenant}.`);
  return found;
}

export function listAccounts(
  context: TenancyContext,
  provider: string,
  page: PageRequest,
): Promise<Page<ProviderAccount>> {
  return context.accounts.list(provider, page);
}

/** `isNamed`: whether the first write was the one that takes the account's name. */
export function accountFault(failed: readonly number[], isNamed: boolean): Fault {
  if (isNamed && failed[0] === 0)
    return new Fault<TenancyErrorCode>('account_taken', 'The provider knows another tenant under this id.');
  return new Fault(
    'conflict',
    'The tenant or its subscriptions were changed by somebody else at the same time.',
  );
}

async function subscriptionsOf(
  context: TenancyContext,
  provider: string,
  tenant: string,
): Promise<readonly StoredRecord<Subscription>[]> {
  const { items, cursor } = await context.repository.subscriptions(tenant, {
    sortPrefix: `${provider}/`,
    limit: maxCopies,
  });
  if (cursor !== undefined)
    throw new Fault(
      'conflict',
      `${tenant} has subscriptions to more than ${maxCopies} agents of ${provider}.`,
    );
  return items;
}

async function requireCustomer(
  context: TenancyContext,
  { provider, tenant }: Pick<ProviderAccount, 'provider' | 'tenant'>,
  subscriptions: readonly unknown[],
  by: Principal,
): Promise<void> {
  if (by.kind === 'operator') {
    if ((await context.agents.getProvider(provider)) === undefined)
      throw new Fault('not_found', `There is no provider ${provider}.`);
    await requireTenant(context, tenant);
  } else if (subscriptions.length === 0)
    throw new Fault('not_found', `${tenant} is subscribed to no agent of ${provider}.`);
}

/** Every exchange and call reads the subscription: it holds what they need. */
function copies(
  context: TenancyContext,
  subscriptions: readonly StoredRecord<Subscription>[],
  change: (value: Subscription) => Subscription,
): readonly Write[] {
  return subscriptions.flatMap(({ value, version }) =>
    context.repository.saveSubscription(change(value), version),
  );
}

function entryOf(
  action: string,
  { provider, tenant, audTenant }: ProviderAccount,
  by: Principal,
): AuditEntry {
  return { action, outcome: 'allowed', actor: auditActor(by), provider, tenant, detail: { audTenant } };
}
