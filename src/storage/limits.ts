import {
  type Key,
  maxCommitBytes,
  maxKeysPerRead,
  maxPageSize,
  maxPartitionBytes,
  maxSortBytes,
  maxValueBytes,
  maxWritesPerCommit,
  type ScanOptions,
  StorageError,
  type Write,
} from './port.ts';

function refuse(message: string): never {
  throw new StorageError('limit_exceeded', message);
}

export function checkKey(key: Key): void {
  const partitionBytes = Buffer.byteLength(key.partition);
  if (partitionBytes < 1 || partitionBytes > maxPartitionBytes)
    refuse(`a partition must have 1 to ${maxPartitionBytes} bytes, this one has ${partitionBytes}`);
  if (key.partition.includes('\0')) refuse('a partition must not contain NUL');
  const sortBytes = Buffer.byteLength(key.sort);
  if (sortBytes < 1 || sortBytes > maxSortBytes)
    refuse(`a sort key must have 1 to ${maxSortBytes} bytes, this one has ${sortBytes}`);
}

export function checkKeys(keys: readonly Key[]): void {
  if (keys.length > maxKeysPerRead) refuse(`a read takes at most ${maxKeysPerRead} keys, not ${keys.length}`);
  for (const key of keys) checkKey(key);
}

/** A write as engines want it: limits checked, the value already JSON text. */
export type PreparedWrite = { readonly write: Write; readonly json: string };

export function prepareCommit(writes: readonly Write[]): readonly PreparedWrite[] {
  if (writes.length === 0) refuse('a commit needs at least one write');
  if (writes.length > maxWritesPerCommit)
    refuse(`a commit takes at most ${maxWritesPerCommit} writes, not ${writes.length}`);
  const seen = new Set<string>();
  let total = 0;
  const texts = new Map<unknown, string>();
  const prepared = writes.map((write) => {
    checkKey(write);
    const id = `${write.partition.length}:${write.partition}${write.sort}`;
    if (seen.has(id)) refuse(`a commit names the record ${write.partition} / ${write.sort} twice`);
    seen.add(id);
    total += Buffer.byteLength(write.partition) + Buffer.byteLength(write.sort);
    if (!('value' in write)) return { write, json: '' };
    if (write.expiresAt !== undefined && !(Number.isSafeInteger(write.expiresAt) && write.expiresAt > 0))
      refuse('expiresAt must be a whole number of epoch seconds');
    // One value under several keys is common: it is made text once.
    const json: string | undefined = texts.get(write.value) ?? JSON.stringify(write.value);
    if (json === undefined) throw new TypeError('a record’s value must be JSON');
    texts.set(write.value, json);
    const bytes = Buffer.byteLength(json);
    if (bytes > maxValueBytes) refuse(`a value may have ${maxValueBytes} bytes, this one has ${bytes}`);
    total += bytes;
    return { write, json };
  });
  if (total > maxCommitBytes) refuse(`a commit may have ${maxCommitBytes} bytes, this one has ${total}`);
  return prepared;
}

export function pageSize(options: ScanOptions | undefined): number {
  const limit = options?.limit ?? 100;
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageSize)
    refuse(`a page holds 1 to ${maxPageSize} records, not ${limit}`);
  return limit;
}

/** A cursor is the last sort key seen, wrapped so that nobody builds one by hand. */
export function encodeCursor(sort: string): string {
  return Buffer.from(sort, 'utf8').toString('base64url');
}

/** A cursor of a page with another prefix would lead out of the prefix that is asked for. */
export function decodeCursor(cursor: string, sortPrefix = ''): string {
  const sort = unwrap(cursor);
  if (sort === '' || !sort.startsWith(sortPrefix) || Buffer.byteLength(sort) > maxSortBytes)
    throw unknownCursor();
  return sort;
}

export function encodeScanCursor({ partition, sort }: Key): string {
  return encodeCursor(`${partition}\0${sort}`);
}

export function decodeScanCursor(cursor: string): Key {
  const text = unwrap(cursor);
  const end = text.indexOf('\0');
  const key = { partition: text.slice(0, Math.max(end, 0)), sort: text.slice(end + 1) };
  try {
    checkKey(key);
  } catch {
    throw unknownCursor();
  }
  return key;
}

function unwrap(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (encodeCursor(text) !== cursor) throw unknownCursor();
  return text;
}

function unknownCursor(): StorageError {
  return new StorageError('bad_cursor', 'the cursor is not one that this store gave');
}
