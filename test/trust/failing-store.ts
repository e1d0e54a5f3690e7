import { StorageError, type Store, type Write } from '../../src/storage/port.ts';

/** A store that, while told so, cannot take commits that write to some partition. */
export function failingStore() {
  let isDown = (_write: Write): boolean => false;
  const wrap = (store: Store): Store => ({
    capabilities: store.capabilities,
    get: (key, options) => store.get(key, options),
    getMany: (keys, options) => store.getMany(keys, options),
    list: (partition, options) => store.list(partition, options),
    commit: async (writes) => {
      if (writes.some((write) => isDown(write))) throw new StorageError('unavailable', 'the disk is full');
      return store.commit(writes);
    },
    close: () => store.close(),
  });
  return { wrap, failOn: (when: (write: Write) => boolean) => void (isDown = when) };
}
