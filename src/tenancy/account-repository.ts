import { sha256 } from '../kernel/digest.ts';
import type { ListOptions, Page, Store, StoredRecord, Write } from '../storage/port.ts';

/** A provider's own id for a tenant: which account there is the tenant's. */
export interface ProviderAccount {
  readonly provider: string;
  readonly tenant: string;
  readonly audTenant: string;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
}

/** Keys: see docs/storage/tenancy.md. */
export function createAccountRepository(store: Store) {
  const key = (provider: string, tenant: string) => ({ partition: `accounts#${provider}`, sort: tenant });
  /** One account is one tenant's. Its name is the provider's, and may be longer than a key can be. */
  const nameKey = (provider: string, audTenant: string) => ({
    partition: `account-names#${provider}`,
    sort: sha256(audTenant),
  });

  return {
    get: (provider: string, tenant: string): Promise<StoredRecord<ProviderAccount> | undefined> =>
      store.get<ProviderAccount>(key(provider, tenant)),
    list: (provider: string, page: ListOptions): Promise<Page<ProviderAccount>> =>
      store.list<ProviderAccount>(`accounts#${provider}`, page),
    /** The first write fails when the account is another tenant's. */
    save: (value: ProviderAccount, before: StoredRecord<ProviderAccount> | undefined): readonly Write[] => {
      const place = { ...key(value.provider, value.tenant), value };
      const isRenamed = before?.value.audTenant !== value.audTenant;
      return [
        ...(isRenamed
          ? [{ op: 'putIfAbsent' as const, ...nameKey(value.provider, value.audTenant), value: value.tenant }]
          : []),
        before === undefined
          ? { op: 'putIfAbsent', ...place }
          : { op: 'putIfVersion', ...place, version: before.version },
        ...(before !== undefined && isRenamed
          ? [{ op: 'delete' as const, ...nameKey(value.provider, before.value.audTenant) }]
          : []),
      ];
    },
    remove: ({ value, version }: StoredRecord<ProviderAccount>): readonly Write[] => [
      { op: 'delete', ...key(value.provider, value.tenant), version },
      { op: 'delete', ...nameKey(value.provider, value.audTenant) },
    ],
    /** Nobody has changed it since it was read. */
    isAt: (provider: string, tenant: string, version: string | null): Write => ({
      op: 'check',
      ...key(provider, tenant),
      version,
    }),
  };
}

export type AccountRepository = ReturnType<typeof createAccountRepository>;
