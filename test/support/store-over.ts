import type { Store } from '../../src/storage/port.ts';

/** The store with some of its operations replaced. */
export function storeOver(store: Store, change: Partial<Store>): Store {
  return {
    capabilities: store.capabilities,
    get: (key, options) => store.get(key, options),
    getMany: (keys, options) => store.getMany(keys, options),
    list: (partition, options) => store.list(partition, options),
    scan: (options) => store.scan(options),
    commit: (writes) => store.commit(writes),
    close: () => store.close(),
    ...change,
  };
}
