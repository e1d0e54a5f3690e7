import type { Store } from '../../src/storage/port.ts';

/** The store with some of its operations replaced. */
export function storeOver(store: Store, change: Partial<Store>): Store {
  return { ...store, ...change };
}
