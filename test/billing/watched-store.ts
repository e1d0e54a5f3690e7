import type { CommitResult, Store, Write } from '../../src/storage/port.ts';

/** The same data, with a test's hand on every commit. */
export function watchCommits(
  store: Store,
  commit: (writes: readonly Write[], pass: () => Promise<CommitResult>) => Promise<CommitResult>,
): Store {
  return { ...store, commit: (writes) => commit(writes, () => store.commit(writes)) };
}
