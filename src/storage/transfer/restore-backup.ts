import type { Clock } from '../../kernel/clock.ts';
import type { PlainRecord } from '../backup-format.ts';
import { StorageError, type Store } from '../port.ts';
import { compare } from './compare.ts';
import { type Batch, beginCopy, type CopyOptions, copyRecords, endCopy } from './copy-records.ts';
import { type BackupFacts, checkBackup, readBackup } from './read-backup.ts';
import type { Tally } from './tally.ts';
import { TransferError } from './transfer-error.ts';

export type TransferStage = 'checking' | 'copying' | 'verifying';

/** `total` where it is known. */
export type TransferProgress = (stage: TransferStage, done: number, total?: number) => void;

export interface Transferred {
  /** Records that the source had. */
  readonly read: number;
  /** What source and target were both found to have at the end. */
  readonly verified: Tally;
  /** Whether an earlier attempt had begun it. */
  readonly resumed: boolean;
}

/** Small enough to be one commit in the most cases. */
const batchSize = 99;

/**
 * Fills an empty store with a backup: reads all of it before anything is written, and compares afterwards. Repeated after an
 * interruption it goes on. Throws `TransferError`, `StorageError`, and the system's own errors.
 */
export async function restoreBackup(options: {
  readonly path: string;
  /** Called when the file was found whole. What it gives is closed. */
  readonly openTarget: () => Promise<Store>;
  readonly clock: Clock;
  readonly progress: TransferProgress;
}): Promise<Transferred & { readonly backup: BackupFacts }> {
  const { path, openTarget, clock, progress } = options;
  const backup = await checkBackup(path, (count) => progress('checking', count));
  const target = await openTarget();
  try {
    const copy: CopyOptions = {
      source: {
        kind: 'restore',
        source: backup.sha256,
        batches: (position) => batchesOf(readBackup(path), Number(position ?? 0)),
      },
      target,
      clock,
      progress: (read) => progress('copying', read, backup.count),
    };
    const begun = await beginCopy(copy);
    const mark = await copyRecords(begun, copy).catch((error: unknown) => {
      throw isRefused(error)
        ? new TransferError('bad_file', `${path} has what no store takes: ${error.message}`, error)
        : error;
    });
    const verified = await compare({
      source: readBackup(path),
      target,
      clock,
      progress: (count) => progress('verifying', count, backup.count),
    });
    await endCopy(target, mark);
    return { read: mark.value.read, verified, resumed: begun.value.read > 0, backup };
  } finally {
    await target.close();
  }
}

/** Such as a record that is there twice: a backup that was forged, for none that we write is like that. */
function isRefused(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'limit_exceeded';
}

/** Positions are numbers of records. */
async function* batchesOf(records: AsyncIterable<PlainRecord>, skip: number): AsyncGenerator<Batch> {
  let count = 0;
  let batch: PlainRecord[] = [];
  for await (const record of records) {
    if (++count <= skip) continue;
    batch.push(record);
    if (batch.length < batchSize) continue;
    yield { records: batch, position: String(count) };
    batch = [];
  }
  if (batch.length > 0) yield { records: batch, position: String(count) };
}
