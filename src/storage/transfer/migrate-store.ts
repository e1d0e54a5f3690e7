import type { Clock } from '../../kernel/clock.ts';
import type { LmdbStore } from '../lmdb/index.ts';
import type { Store } from '../port.ts';
import { compare } from './compare.ts';
import { type Batch, beginCopy, type CopyOptions, copyRecords, endCopy } from './copy-records.ts';
import { everythingIn, pagesOf } from './everything.ts';
import type { Transferred, TransferProgress } from './restore-backup.ts';
import { tally } from './tally.ts';
import { TransferError } from './transfer-error.ts';
import { findUnfinished, unfinishedMessage } from './unfinished.ts';

export interface MigrateOptions {
  /** Must not change meanwhile. */
  readonly source: LmdbStore;
  readonly target: Store;
  readonly clock: Clock;
  readonly progress: TransferProgress;
}

/**
 * Fills an empty store with all that is in an embedded one which nobody uses, and compares afterwards. Repeated after an
 * interruption it goes on. Throws `TransferError`, `StorageError`.
 */
export async function migrateStore({
  source,
  target,
  clock,
  progress,
}: MigrateOptions): Promise<Transferred> {
  const { lastCommit } = source.look();
  refuseChange(source, lastCommit);
  const unfinished = await findUnfinished(source);
  if (unfinished !== undefined)
    throw new TransferError('unfinished', unfinishedMessage(unfinished.value).replace(/\.$/, ''));
  let total = 0;
  const lasting = await tally(
    everythingIn(source, (count) => progress('checking', (total = count))),
    Infinity,
  );
  const copy: CopyOptions = {
    source: {
      kind: 'migration',
      source: `${lastCommit} ${lasting.digest}`,
      batches: (position) => batchesOf(source, position),
    },
    target,
    clock,
    progress: (read) => progress('copying', read, total),
  };
  const begun = await beginCopy(copy);
  const mark = await copyRecords(begun, copy);
  const verified = await compare({
    source: everythingIn(source, () => undefined),
    target,
    clock,
    progress: (count) => progress('verifying', count, total),
  });
  refuseChange(source, lastCommit);
  await endCopy(target, mark);
  return { read: total, verified, resumed: begun.value.read > 0 };
}

/** Positions are the store's own cursors. */
async function* batchesOf(source: Store, from: string | undefined): AsyncGenerator<Batch> {
  for await (const { items, cursor } of pagesOf(source, from))
    yield {
      records: items.map(({ version: _, ...record }) => record),
      position: cursor,
    };
}

function refuseChange(source: LmdbStore, lastCommit: number): void {
  const now = source.look();
  if (now.otherProcesses.length > 0)
    throw new TransferError(
      'in_use',
      `another process has the data directory open: ${now.otherProcesses.join(', ')}`,
    );
  if (now.lastCommit !== lastCommit)
    throw new TransferError('in_use', 'the data directory was written to meanwhile');
}
