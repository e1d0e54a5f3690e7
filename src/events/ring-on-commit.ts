import type { Store } from '../storage/port.ts';
import { shardOfPartition } from './outbox-repository.ts';

/** The same store; tells when events were committed, so that they go out at once instead of at the next look. */
export function ringOnCommit(store: Store, ring: (shard: number) => void): Store {
  return {
    ...store,
    async commit(writes) {
      const commit = await store.commit(writes);
      if (commit.ok)
        for (const { partition } of writes) {
          const shard = shardOfPartition(partition);
          if (shard !== undefined) ring(shard);
        }
      return commit;
    },
  };
}
