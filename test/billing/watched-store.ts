import type { CommitResult, Store, Write } from '../../src/storage/port.ts';

/** The same data, with a test's hand on every commit. */
export function watchCommits(
  store: Store,
  commit: (writes: readonly Write[], pass: () => Promise<CommitResult>) => Promise<CommitResult>,
): Store {
  return {
    capabilities: store.capabilities,
    get: (key, options) => store.get(key, options),
    getMany: (keys, options) => store.getMany(keys, options),
    list: (partition, options) => store.list(partition, options),
    commit: (writes) => commit(writes, () => store.commit(writes)),
    close: () => store.close(),
  };
}
