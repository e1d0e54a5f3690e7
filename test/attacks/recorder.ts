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
      const result = await inner.commit(writes);
      if (result.ok)
        for (const { op, partition } of writes)
          if (op !== 'check') kinds.add(partition.replace(/#.*$/s, '').replace(/^audit-.*$/, 'audit'));
      return result;
    },
    written() {
      const before = kinds;
      kinds = new Set();
      return before;
    },
  };
}
