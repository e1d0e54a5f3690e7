import type { RootDatabase } from 'lmdb';

export interface LmdbLook {
  /** Grows by one with each commit: the same twice means that nothing was written in between. */
  readonly lastCommit: number;
  /** Process ids that have the store open on this machine, without our own. */
  readonly otherProcesses: readonly number[];
}

/** LMDB's own books, which all processes share. */
export function lookAt(root: RootDatabase<string, Buffer>): LmdbLook {
  // Those that ended without closing are still listed otherwise.
  root.readerCheck();
  const readers = [...root.readerList().matchAll(/^\s*(\d+) /gm)].map(([, pid]) => Number(pid));
  // Not in lmdb's types.
  const { lastTxnId } = root.getStats() as { readonly lastTxnId: number };
  return {
    lastCommit: lastTxnId,
    otherProcesses: [...new Set(readers)].filter((pid) => pid !== process.pid),
  };
}
