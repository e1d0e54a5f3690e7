import type { Page, ReadOptions, Store, StoredRecord, Write } from '../storage/port.ts';
import type { ActiveOwners, Policy, PolicyOwner, PolicySet } from './policy.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

const noOwners: ActiveOwners = { operator: 0, provider: 0, tenant: 0 };

/** Keys: see docs/storage/policy.md. */
export function createPolicyRepository(store: Store) {
  const policyKey = (owner: PolicyOwner, id: string) => ({ partition: `policies#${owner}`, sort: id });
  const setKey = (owner: PolicyOwner) => ({ partition: `policy-set#${owner}`, sort: 'set' });
  const ownersKey = { partition: 'policy-owners', sort: 'active' };

  return {
    policy: (owner: PolicyOwner, id: string): Promise<StoredRecord<Policy> | undefined> =>
      store.get<Policy>(policyKey(owner, id)),
    policies: (owner: PolicyOwner, page: PageRequest): Promise<Page<Policy>> =>
      store.list<Policy>(`policies#${owner}`, page),
    sets: (
      owners: readonly PolicyOwner[],
      options?: ReadOptions,
    ): Promise<readonly (StoredRecord<PolicySet> | undefined)[]> =>
      store.getMany<PolicySet>(owners.map(setKey), options),
    activeOwners: async (options?: ReadOptions): Promise<ActiveOwners> =>
      (await store.get<ActiveOwners>(ownersKey, options))?.value ?? noOwners,
    activeOwnersRecord: (): Promise<StoredRecord<ActiveOwners> | undefined> =>
      store.get<ActiveOwners>(ownersKey),

    /** A record that exists can be known for a while; that one is absent is asked anew each time. */
    async ensureActiveOwners(): Promise<void> {
      if ((await store.get(ownersKey)) === undefined)
        await store.commit([{ op: 'putIfAbsent', ...ownersKey, value: noOwners }]);
    },

    insertPolicy: (value: Policy): Write => ({
      op: 'putIfAbsent',
      ...policyKey(value.owner, value.id),
      value,
    }),
    replacePolicy: (value: Policy, version: string): Write => ({
      op: 'putIfVersion',
      ...policyKey(value.owner, value.id),
      version,
      value,
    }),
    deletePolicy: ({ owner, id }: Policy, version: string): Write => ({
      op: 'delete',
      ...policyKey(owner, id),
      version,
    }),
    saveSet: (value: PolicySet, version: string | undefined): Write => ({
      ...condition(version),
      ...setKey(value.owner),
      value,
    }),
    saveActiveOwners: (value: ActiveOwners, version: string | undefined): Write => ({
      ...condition(version),
      ...ownersKey,
      value,
    }),

    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

function condition(version: string | undefined) {
  return version === undefined
    ? ({ op: 'putIfAbsent' } as const)
    : ({ op: 'putIfVersion', version } as const);
}

export type PolicyRepository = ReturnType<typeof createPolicyRepository>;
