import { sha256 } from '../kernel/digest.ts';
import {
  maxKeysPerRead,
  type Page,
  type ReadOptions,
  type Store,
  type StoredRecord,
  type Write,
} from '../storage/port.ts';
import type { Agent, CardVersion } from './agent.ts';
import type { Provider } from './provider.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

export interface ResourceOwner {
  readonly resource: string;
  readonly agentId: string;
  readonly deploymentId: string;
}

/** Keys: see docs/storage/registry.md. */
export function createRegistryRepository(store: Store) {
  const providerKey = (id: string) => ({ partition: `provider#${id}`, sort: 'provider' });
  const agentKey = (id: string) => ({ partition: `agent#${id}`, sort: 'agent' });
  const cardKey = (id: string, digest: string) => ({ partition: `agent-card#${id}`, sort: digest });
  const resourceKey = (resource: string) => ({ partition: `resource#${sha256(resource)}`, sort: 'owner' });

  /** Records have a partition each, for calls; an index partition serves the lists. */
  async function listed<T>(
    index: string,
    keyOf: (id: string) => { partition: string; sort: string },
    page: PageRequest & { readonly sortPrefix?: string },
  ): Promise<Page<T>> {
    const ids = await store.list<null>(index, { ...page, limit: Math.min(page.limit, maxKeysPerRead) });
    const found = await store.getMany<T>(ids.items.map(({ sort }) => keyOf(sort)));
    const items = found.filter((record) => record !== undefined);
    return ids.cursor === undefined ? { items } : { items, cursor: ids.cursor };
  }

  return {
    provider: (id: string, options?: ReadOptions): Promise<StoredRecord<Provider> | undefined> =>
      store.get<Provider>(providerKey(id), options),
    agent: (id: string): Promise<StoredRecord<Agent> | undefined> => store.get<Agent>(agentKey(id)),
    card: (id: string, digest: string): Promise<StoredRecord<CardVersion> | undefined> =>
      store.get<CardVersion>(cardKey(id, digest)),
    resourceOwner: async (resource: string): Promise<ResourceOwner | undefined> =>
      (await store.get<ResourceOwner>(resourceKey(resource)))?.value,

    /** Both in one read. */
    agentAndProvider: async (id: string, options?: ReadOptions) => {
      const provider = id.slice(0, id.indexOf('/'));
      const keys = [agentKey(id), providerKey(provider)];
      const [agent, owner] = await store.getMany<Agent | Provider>(keys, options);
      return {
        agent: agent as StoredRecord<Agent> | undefined,
        provider: owner as StoredRecord<Provider> | undefined,
      };
    },

    providers: (page: PageRequest) => listed<Provider>('providers', providerKey, page),
    agents: (page: PageRequest, provider?: string) =>
      listed<Agent>(
        'agents',
        agentKey,
        provider === undefined ? page : { ...page, sortPrefix: `${provider}/` },
      ),
    cards: (id: string, page: PageRequest): Promise<Page<CardVersion>> =>
      store.list<CardVersion>(`agent-card#${id}`, page),

    insertProvider: (value: Provider): readonly Write[] => [
      { op: 'putIfAbsent', ...providerKey(value.id), value },
      { op: 'put', partition: 'providers', sort: value.id, value: null },
    ],
    replaceProvider: (value: Provider, version: string): Write => ({
      op: 'putIfVersion',
      ...providerKey(value.id),
      version,
      value,
    }),
    providerIsAt: (id: string, version: string): Write => ({ op: 'check', ...providerKey(id), version }),

    insertAgent: (value: Agent): readonly Write[] => [
      { op: 'putIfAbsent', ...agentKey(value.id), value },
      { op: 'put', partition: 'agents', sort: value.id, value: null },
    ],
    replaceAgent: (value: Agent, version: string): Write => ({
      op: 'putIfVersion',
      ...agentKey(value.id),
      version,
      value,
    }),
    /** Content-addressed: writing the same version again changes nothing but its first date. */
    putCard: (id: string, value: CardVersion): Write => ({ op: 'put', ...cardKey(id, value.digest), value }),
    claimResource: (value: ResourceOwner): Write => ({
      op: 'putIfAbsent',
      ...resourceKey(value.resource),
      value,
    }),

    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type RegistryRepository = ReturnType<typeof createRegistryRepository>;
