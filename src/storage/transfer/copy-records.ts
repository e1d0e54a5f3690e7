import type { Clock } from '../../kernel/clock.ts';
import { type PlainRecord, recordLine } from '../backup-format.ts';
import { maxWritesPerCommit, type Store, type StoredRecord, type Write } from '../port.ts';
import { pagesOf } from './everything.ts';
import { TransferError } from './transfer-error.ts';
import { findUnfinished, isUnfinishedMark, type UnfinishedCopy, unfinishedKey } from './unfinished.ts';

/** Some records of a source, in its order. */
export interface Batch {
  readonly records: readonly PlainRecord[];
  /** Where to go on after them; nothing: these again. */
  readonly position?: string | undefined;
}

export interface CopySource extends Pick<UnfinishedCopy, 'kind' | 'source'> {
  batches(position: string | undefined): AsyncIterable<Batch>;
}

export interface CopyOptions {
  readonly source: CopySource;
  readonly target: Store;
  readonly clock: Clock;
  /** Told how many records of the source are done. */
  readonly progress: (read: number) => void;
}

type Mark = StoredRecord<UnfinishedCopy>;

/** Well below what a commit may have. */
const maxBytesPerCommit = 2_000_000;

/**
 * Begins a copy, or finds the one that was begun. Throws {@link TransferError} `not_empty` or `other_copy`; then nothing was
 * written.
 */
export async function beginCopy({ source, target }: CopyOptions): Promise<Mark> {
  const found = await findUnfinished(target);
  if (found !== undefined) {
    if (found.value.kind !== source.kind || found.value.source !== source.source)
      throw new TransferError(
        'other_copy',
        `the store is an unfinished ${found.value.kind} of something else`,
      );
    return found;
  }
  for await (const { items } of pagesOf(target))
    if (items.length > 0) throw new TransferError('not_empty', 'the store is not empty');
  const value: UnfinishedCopy = { kind: source.kind, source: source.source, read: 0 };
  const commit = await target.commit([{ op: 'putIfAbsent', ...unfinishedKey, value }]);
  if (!commit.ok) throw somebodyElse();
  return { ...unfinishedKey, value, version: commit.version };
}

/**
 * Writes what the mark says is still missing. Each commit moves the mark, so a copy that was interrupted goes on where it was, and
 * of two that run at once only one does. Leaves out what has expired. Throws {@link TransferError} `in_use`, `StorageError`.
 */
export async function copyRecords(
  begun: Mark,
  { source, target, clock, progress }: CopyOptions,
): Promise<Mark> {
  let mark = begun;
  let { position, read: done } = begun.value;
  for await (const batch of source.batches(position)) {
    const now = clock.now();
    const live = batch.records.filter(
      (record) =>
        !isUnfinishedMark(record) && (record.expiresAt === undefined || record.expiresAt * 1000 > now),
    );
    const parts = partsOf(live);
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1 && batch.position !== undefined;
      if (isLast) position = batch.position;
      const read = mark.value.read + (isLast ? batch.records.length : 0);
      mark = await move(target, mark, part, {
        ...mark.value,
        read,
        ...(position === undefined ? {} : { position }),
      });
    }
    progress((done += batch.records.length));
  }
  return mark;
}

/** The copy is whole: a broker may run on it. Throws {@link TransferError} `in_use`. */
export async function endCopy(target: Store, mark: Mark): Promise<void> {
  const commit = await target.commit([{ op: 'delete', ...unfinishedKey, version: mark.version }]);
  if (!commit.ok) throw somebodyElse();
}

async function move(
  target: Store,
  mark: Mark,
  records: readonly PlainRecord[],
  value: UnfinishedCopy,
): Promise<Mark> {
  const puts: Write[] = records.map((record) => ({ op: 'put', ...record }));
  const commit = await target.commit([
    ...puts,
    { op: 'putIfVersion', ...unfinishedKey, version: mark.version, value },
  ]);
  if (!commit.ok) throw somebodyElse();
  return { ...mark, value, version: commit.version };
}

/** As many records as one commit takes, beside the mark. At least one part, which may be empty. */
function partsOf(records: readonly PlainRecord[]): readonly (readonly PlainRecord[])[] {
  let part: PlainRecord[] = [];
  let bytes = 0;
  const parts = [part];
  for (const record of records) {
    const size = Buffer.byteLength(recordLine(record));
    if (part.length === maxWritesPerCommit - 1 || bytes + size > maxBytesPerCommit) {
      parts.push((part = []));
      bytes = 0;
    }
    part.push(record);
    bytes += size;
  }
  return parts;
}

function somebodyElse(): TransferError {
  return new TransferError('in_use', 'somebody else copies into this store at the same time');
}
