import { StorageError, type Store, type Write } from '../../src/storage/port.ts';

/** A store that, while told so, cannot take commits that write to some partition. */
export function failingStore() {
  let isDown = (_write: Write): boolean => false;
  const wrap = (store: Store): Store => ({
    ...store,
    commit: async (writes) => {
      if (writes.some((write) => isDown(write))) throw new StorageError('unavailable', 'the disk is full');
      return store.commit(writes);
    },
  });
  return { wrap, failOn: (when: (write: Write) => boolean) => void (isDown = when) };
}
