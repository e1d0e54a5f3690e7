import type { Page, Store, StoredRecord, Write } from '../storage/port.ts';
import type { Subscription, Tenant } from './tenant.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** Keys: see docs/storage/tenancy.md. */
export function createTenantRepository(store: Store) {
  // All tenants in one partition: they are listed by the operator and read by id; writes are rare.
  const tenantKey = (id: string) => ({ partition: 'tenants', sort: id });
  const subscriptionKey = (tenant: string, agent: string) => ({
    partition: `subscriptions#${tenant}`,
    sort: agent,
  });

  return {
    tenant: (id: string): Promise<StoredRecord<Tenant> | undefined> => store.get<Tenant>(tenantKey(id)),

    tenants: (page: PageRequest): Promise<Page<Tenant>> => store.list<Tenant>('tenants', page),

    subscription: (tenant: string, agent: string): Promise<StoredRecord<Subscription> | undefined> =>
      store.get<Subscription>(subscriptionKey(tenant, agent)),

    subscriptions: (tenant: string, page: PageRequest): Promise<Page<Subscription>> =>
      store.list<Subscription>(`subscriptions#${tenant}`, page),

    insertTenant: (value: Tenant): Write => ({ op: 'putIfAbsent', ...tenantKey(value.id), value }),

    replaceTenant: (value: Tenant, version: string): Write => ({
      op: 'putIfVersion',
      ...tenantKey(value.id),
      version,
      value,
    }),

    /** Unchanged since `version`; `null`: not there yet. */
    saveSubscription: (value: Subscription, version: string | null): Write => {
      const place = { ...subscriptionKey(value.tenant, value.agent), value };
      return version === null ? { op: 'putIfAbsent', ...place } : { op: 'putIfVersion', ...place, version };
    },

    tenantIsAt: (id: string, version: string): Write => ({ op: 'check', ...tenantKey(id), version }),

    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type TenantRepository = ReturnType<typeof createTenantRepository>;
