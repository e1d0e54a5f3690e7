import type { CommitResult, Store, Write } from '../../src/storage/port.ts';

/** A store that remembers what was written to it, so that a test can show that a refusal left nothing behind. */
export interface Recorder extends Store {
  /** Kinds of the records written since this was last asked: a partition's name up to its `#`. */
  written(): ReadonlySet<string>;
}

export function recordWrites(inner: Store): Recorder {
  let kinds = new Set<string>();
  return {
    ...inner,
    async commit(writes: readonly Write[]): Promise<CommitResult> {
      // As with an engine that syncs, others get their turn between what a request has read and what it commits.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      const result = await inner.commit(writes);
      if (result.ok)
        for (const write of writes)
          if (!isHousekeeping(write))
            kinds.add(write.partition.replace(/#.*$/s, '').replace(/^audit-.*$/, 'audit'));
      return result;
    },
    written() {
      const before = kinds;
      kinds = new Set();
      return before;
    },
  };
}

/** Checks write nothing; and the relay of business events takes turns, and clears away what it has sent, at any time. */
function isHousekeeping({ op, partition }: Write): boolean {
  return (
    op === 'check' || partition.startsWith('lease#') || (partition.startsWith('outbox#') && op !== 'put')
  );
}
