import {
  maxKeysPerRead,
  type Page,
  type ReadOptions,
  type Store,
  type StoredRecord,
  type Write,
} from '../storage/port.ts';
import type { BlockedUser, Subscription, Tenant } from './tenant.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** Keys: see docs/storage/tenancy.md. */
export function createTenantRepository(store: Store) {
  // A partition each, because every exchange and call reads one; the index only serves the operator's list.
  const tenantKey = (id: string) => ({ partition: `tenant#${id}`, sort: 'tenant' });
  const subscriptionKey = (tenant: string, agent: string) => ({
    partition: `subscriptions#${tenant}`,
    sort: agent,
  });

  const blockedUserKey = (tenant: string, user: string) => ({
    partition: `blocked-users#${tenant}`,
    sort: user,
  });

  return {
    tenant: (id: string, options?: ReadOptions): Promise<StoredRecord<Tenant> | undefined> =>
      store.get<Tenant>(tenantKey(id), options),

    tenants: async (page: PageRequest): Promise<Page<Tenant>> => {
      const index = await store.list<null>('tenants', {
        ...page,
        limit: Math.min(page.limit, maxKeysPerRead),
      });
      const found = await store.getMany<Tenant>(index.items.map(({ sort }) => tenantKey(sort)));
      const items = found.filter((record) => record !== undefined);
      return index.cursor === undefined ? { items } : { items, cursor: index.cursor };
    },

    subscription: (
      tenant: string,
      agent: string,
      options?: ReadOptions,
    ): Promise<StoredRecord<Subscription> | undefined> =>
      store.get<Subscription>(subscriptionKey(tenant, agent), options),

    subscriptions: (
      tenant: string,
      page: PageRequest & { readonly sortPrefix?: string },
    ): Promise<Page<Subscription>> => store.list<Subscription>(`subscriptions#${tenant}`, page),

    insertTenant: (value: Tenant): readonly Write[] => [
      { op: 'putIfAbsent', ...tenantKey(value.id), value },
      { op: 'put', partition: 'tenants', sort: value.id, value: null },
    ],

    replaceTenant: (value: Tenant, version: string): Write => ({
      op: 'putIfVersion',
      ...tenantKey(value.id),
      version,
      value,
    }),

    /** All that there were, oldest first. */
    subscriptionHistory: async (tenant: string, agent: string): Promise<readonly Subscription[]> => {
      const found: Subscription[] = [];
      let cursor: string | undefined;
      do {
        const page: Page<Subscription> = await store.list<Subscription>(`subscription-history#${tenant}`, {
          sortPrefix: `${agent}#`,
          ...(cursor === undefined ? {} : { cursor }),
        });
        found.push(...page.items.map(({ value }) => value));
        cursor = page.cursor;
      } while (cursor !== undefined);
      return found;
    },

    /** The current one unchanged since `version`; `null`: not there yet. */
    saveSubscription: (value: Subscription, version: string | null): readonly Write[] => {
      const place = { ...subscriptionKey(value.tenant, value.agent), value };
      return [
        version === null ? { op: 'putIfAbsent', ...place } : { op: 'putIfVersion', ...place, version },
        {
          op: 'put',
          partition: `subscription-history#${value.tenant}`,
          sort: `${value.agent}#${String(value.createdAt).padStart(14, '0')}#${value.id}`,
          value,
        },
      ];
    },

    blockedUser: (
      tenant: string,
      user: string,
      options?: ReadOptions,
    ): Promise<StoredRecord<BlockedUser> | undefined> =>
      store.get<BlockedUser>(blockedUserKey(tenant, user), options),
    blockedUsers: (tenant: string, page: PageRequest): Promise<Page<BlockedUser>> =>
      store.list<BlockedUser>(`blocked-users#${tenant}`, page),
    insertBlockedUser: (value: BlockedUser): Write => ({
      op: 'putIfAbsent',
      ...blockedUserKey(value.tenant, value.id),
      value,
    }),
    deleteBlockedUser: ({ tenant, id }: BlockedUser, version: string): Write => ({
      op: 'delete',
      ...blockedUserKey(tenant, id),
      version,
    }),

    tenantIsAt: (id: string, version: string): Write => ({ op: 'check', ...tenantKey(id), version }),

    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type TenantRepository = ReturnType<typeof createTenantRepository>;
