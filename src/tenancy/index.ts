import type { Principal } from '../kernel/principal.ts';
import type { Page, ReadOptions } from '../storage/port.ts';
import { blockUser, isUserBlocked, unblockUser } from './block-user.ts';
import { createAccountRepository, type ProviderAccount } from './account-repository.ts';
import { createTenant, type NewTenant } from './create-tenant.ts';
import type { TenancyDeps } from './deps.ts';
import { linkAccount, listAccounts, requireAccount, unlinkAccount } from './link-account.ts';
import { cancelSubscription, type NewSubscription, subscribe } from './subscribe.ts';
import type { BlockedUser, Subscription, Tenant, User } from './tenant.ts';
import { createTenantRepository, type PageRequest } from './tenant-repository.ts';
import {
  reinstateTenant,
  requireTenant,
  suspendTenant,
  type TenantChange,
  type Update,
  updateTenant,
} from './update-tenant.ts';

export { tenancyErrors } from './errors.ts';
export { type BlockedUser, isLive, type Subscription, type Tenant, type User } from './tenant.ts';

interface Versioned {
  readonly tenant: Tenant;
  readonly version: string;
}

/** The control plane of tenants and what they may use. See the use cases' files for what each throws. */
export interface Tenancy {
  createTenant(input: NewTenant, by: Principal): Promise<Versioned>;
  updateTenant(id: string, change: TenantChange, update: Update): Promise<Versioned>;
  suspendTenant(id: string, reason: string, update: Update): Promise<Versioned>;
  reinstateTenant(id: string, reason: string, update: Update): Promise<Versioned>;
  /** Throws `not_found`. */
  readTenant(id: string): Promise<Versioned>;
  getTenant(id: string, options?: ReadOptions): Promise<Tenant | undefined>;
  listTenants(page: PageRequest): Promise<Page<Tenant>>;
  blockUser(tenant: string, user: User, reason: string, by: Principal): Promise<BlockedUser>;
  unblockUser(tenant: string, user: User, reason: string, by: Principal): Promise<BlockedUser>;
  /** To be asked of tenants with `blocksUsers` only. */
  isUserBlocked(tenant: string, user: User, options?: ReadOptions): Promise<boolean>;
  listBlockedUsers(tenant: string, page: PageRequest): Promise<Page<BlockedUser>>;
  /** See `link-account.ts`. */
  linkAccount(
    input: Pick<ProviderAccount, 'provider' | 'tenant' | 'audTenant'>,
    by: Principal,
  ): Promise<ProviderAccount>;
  unlinkAccount(place: Pick<ProviderAccount, 'provider' | 'tenant'>, by: Principal): Promise<ProviderAccount>;
  /** Throws `not_found`. */
  readAccount(provider: string, tenant: string): Promise<ProviderAccount>;
  listAccounts(provider: string, page: PageRequest): Promise<Page<ProviderAccount>>;
  subscribe(tenant: string, input: NewSubscription, by: Principal): Promise<Subscription>;
  cancelSubscription(tenant: string, id: string, by: Principal): Promise<Subscription>;
  listSubscriptions(tenant: string, page: PageRequest): Promise<Page<Subscription>>;
  /** The last one of (tenant, agent), whatever its status: ask {@link isLive}. */
  findSubscription(tenant: string, agent: string, options?: ReadOptions): Promise<Subscription | undefined>;
  /** All that there were, oldest first: which plan was in force when. */
  subscriptionHistory(tenant: string, agent: string): Promise<readonly Subscription[]>;
}

export function createTenancy(deps: TenancyDeps): Tenancy {
  const repository = createTenantRepository(deps.store);
  const accounts = createAccountRepository(deps.store);
  const context = { ...deps, accounts, repository };
  return {
    createTenant: (input, by) => createTenant(context, input, by),
    updateTenant: (id, change, update) => updateTenant(context, id, change, update),
    suspendTenant: (id, reason, update) => suspendTenant(context, id, reason, update),
    reinstateTenant: (id, reason, update) => reinstateTenant(context, id, reason, update),
    readTenant: async (id) => {
      const { value, version } = await requireTenant(context, id);
      return { tenant: value, version };
    },
    getTenant: async (id, options) => (await repository.tenant(id, options))?.value,
    listTenants: (page) => repository.tenants(page),
    blockUser: (tenant, user, reason, by) => blockUser(context, tenant, user, reason, by),
    unblockUser: (tenant, user, reason, by) => unblockUser(context, tenant, user, reason, by),
    isUserBlocked: (tenant, user, options) => isUserBlocked(context, tenant, user, options),
    listBlockedUsers: (tenant, page) => repository.blockedUsers(tenant, page),
    linkAccount: (input, by) => linkAccount(context, input, by),
    unlinkAccount: (place, by) => unlinkAccount(context, place, by),
    readAccount: async (provider, tenant) => (await requireAccount(context, provider, tenant)).value,
    listAccounts: (provider, page) => listAccounts(context, provider, page),
    subscribe: (tenant, input, by) => subscribe(context, tenant, input, by),
    cancelSubscription: (tenant, id, by) => cancelSubscription(context, tenant, id, by),
    listSubscriptions: (tenant, page) => repository.subscriptions(tenant, page),
    findSubscription: async (tenant, agent, options) =>
      (await repository.subscription(tenant, agent, options))?.value,
    subscriptionHistory: (tenant, agent) => repository.subscriptionHistory(tenant, agent),
  };
}
