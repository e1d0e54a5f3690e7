import { createHash, randomBytes } from 'node:crypto';
import { open, stat, unlink } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '../../kernel/clock.ts';
import { headerLine, recordLine, trailerLine } from '../backup-format.ts';
import type { Store } from '../port.ts';
import { pagesOf } from './everything.ts';
import { publishFile, refuseExisting } from './publish-file.ts';
import type { BackupFacts } from './read-backup.ts';
import { TransferError } from './transfer-error.ts';
import { findUnfinished, unfinishedMessage } from './unfinished.ts';

export interface WriteBackupOptions {
  /** Best one that stands still: what is written while it is read may be missing. */
  readonly store: Store;
  readonly path: string;
  readonly clock: Clock;
  /** The broker's version. */
  readonly broker: string;
  /** Puts it in the place of another file. */
  readonly force: boolean;
  readonly progress: (count: number) => void;
}

/**
 * Under its name only when it is whole and on the disk; until then beside it, under a name that ends with `.part`. Throws
 * {@link TransferError} `file_exists` or `unfinished`, `StorageError`, and the system's own errors.
 */
export async function writeBackup(options: WriteBackupOptions): Promise<BackupFacts & { bytes: number }> {
  const { store, path, clock, broker, force } = options;
  if (!force) await refuseExisting(path);
  const unfinished = await findUnfinished(store);
  if (unfinished !== undefined)
    throw new TransferError('unfinished', unfinishedMessage(unfinished.value).replace(/\.$/, ''));
  const header = {
    broker,
    takenAt: new Date(clock.now()).toISOString(),
    engine: store.capabilities.engine,
  };
  const trailer = { count: 0, sha256: '' };

  async function* text(): AsyncGenerator<string> {
    const hash = createHash('sha256');
    yield headerLine(header);
    for await (const { items } of pagesOf(store)) {
      const lines = items.map((record) => recordLine(record)).join('');
      hash.update(lines);
      trailer.count += items.length;
      options.progress(trailer.count);
      if (lines !== '') yield lines;
    }
    trailer.sha256 = hash.digest('hex');
    yield trailerLine(trailer);
  }

  const draft = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const file = await open(draft, 'wx', 0o600);
    const compress = path.endsWith('.gz') ? createGzip() : new PassThrough();
    await pipeline(Readable.from(text()), compress, file.createWriteStream({ flush: true }));
    await publishFile({ draft, path, force });
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  }
  return { ...header, ...trailer, bytes: (await stat(path)).size };
}
