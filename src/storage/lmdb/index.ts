import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';
import type { Clock } from '../../kernel/clock.ts';
import { checkKey, checkKeys, type PreparedWrite, prepareCommit } from '../limits.ts';
import { listWith } from '../merged-list.ts';
import {
  type CommitResult,
  type Key,
  type ListOptions,
  type Page,
  type ScanOptions,
  StorageError,
  type Store,
  type Write,
} from '../port.ts';
import { checkDataFile, checkLockFile, dataFilePath } from './data-file.ts';
import { decodeEntry, encodeEntry, type Entry, toRecord } from './entry.ts';
import { expiryKey, expiryScanEnd, recordKey, recordKeyOf } from './keys.ts';
import { type LmdbLook, lookAt } from './look.ts';
import { listRecords, type Reading, scanRecords } from './pages.ts';
import { createWriteWatch } from './write-watch.ts';

export interface LmdbOptions {
  readonly clock: Clock;
  /** Made when missing, readable by its owner alone. */
  readonly directory: string;
  /** A write that takes longer is answered as failed, although it may still happen; default 30,000. */
  readonly writeTimeoutMs?: number;
  /** For looking only: nothing is made, and a commit is refused. Throws when there is nothing to read. */
  readonly readOnly?: boolean;
  /**
   * With `readOnly`: every read sees the moment of the opening, whatever is written meanwhile. Until it is closed, space that the
   * broker frees is not used again.
   */
  readonly snapshot?: boolean;
}

export interface LmdbStore extends Store {
  /** Removes some of what has expired; answers how many records. */
  sweep(): Promise<number>;
  look(): LmdbLook;
}

const defaultWriteTimeoutMs = 30_000;
const sweepEveryMs = 30_000;
const sweepBatch = 2000;

/**
 * The embedded engine. Commits that arrive together are synced together (group commit), off the event loop; a commit's
 * promise resolves after the sync. Several processes of one machine may open the same directory: conditions are checked
 * inside LMDB's single write transaction. Throws `StorageError`: `corrupt` when the file there is not a whole store,
 * `unavailable` when it cannot be opened.
 */
export function openLmdbStore(options: LmdbOptions): LmdbStore {
  const path = dataFilePath(options.directory);
  const readOnly = options.readOnly ?? false;
  checkLockFile(path);
  if (!readOnly) mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  if (checkDataFile(path) === undefined && readOnly)
    throw new StorageError('unavailable', `${path} is empty`);
  const root = openRoot(path, readOnly);
  const records: Database<string, Buffer> = root.openDB({
    name: 'records',
    keyEncoding: 'binary',
    encoding: 'string',
  });
  /** (expiry, record key) -> '': lets the sweep find what is due without reading anything else. */
  const expiries: Database<string, Buffer> = root.openDB({
    name: 'expiries',
    keyEncoding: 'binary',
    encoding: 'string',
  });

  const pinned = readOnly && options.snapshot === true ? records.useReadTransaction() : undefined;
  const moment = pinned === undefined ? undefined : { transaction: pinned };
  const reading: Reading = { records, clock: options.clock, moment };

  // Unique across restarts and processes without reading anything: a fresh prefix for each opening, then a count.
  const opening = randomBytes(9).toString('base64url');
  let commits = 0;
  let state: 'open' | 'closed' | 'broken' = 'open';
  const watch = createWriteWatch(options.writeTimeoutMs ?? defaultWriteTimeoutMs);

  function assertUsable(): void {
    if (state === 'closed') throw new StorageError('closed', 'the store is closed');
    if (state === 'broken' || watch.isStuck())
      throw new StorageError('unavailable', 'the store failed in the middle of a write; restart it');
  }

  function live(key: Buffer): Entry | undefined {
    const text = records.get(key, moment);
    if (text === undefined) return undefined;
    const entry = decodeEntry(text);
    return entry.expiresAt !== undefined && entry.expiresAt * 1000 <= options.clock.now() ? undefined : entry;
  }

  function holds(write: Write, key: Buffer): boolean {
    switch (write.op) {
      case 'put':
        return true;
      case 'putIfAbsent':
        return live(key) === undefined;
      case 'putIfVersion':
        return live(key)?.version === write.version;
      case 'delete':
        return write.version === undefined || live(key)?.version === write.version;
      case 'check':
        return (live(key)?.version ?? null) === write.version;
    }
  }

  function put(key: Buffer, text: string | undefined, expiresAt: number | undefined): void {
    const before = records.get(key);
    const beforeExpiry = before === undefined ? undefined : decodeEntry(before).expiresAt;
    if (beforeExpiry !== undefined && beforeExpiry !== expiresAt)
      void expiries.remove(expiryKey(beforeExpiry, key));
    if (text === undefined) void records.remove(key);
    else void records.put(key, text);
    if (expiresAt !== undefined && expiresAt !== beforeExpiry)
      void expiries.put(expiryKey(expiresAt, key), '');
  }

  /** Runs inside the write transaction, which it shares with other commits: so it checks all before it writes any. */
  function apply(prepared: readonly PreparedWrite[]): CommitResult {
    const keyed = prepared.map(({ write, json }) => ({ write, json, key: recordKey(write) }));
    const failed = keyed.flatMap(({ write, key }, index) => (holds(write, key) ? [] : [index]));
    if (failed.length > 0) return { ok: false, failed };
    const version = `${opening}.${(++commits).toString(36)}`;
    try {
      for (const { write, json, key } of keyed) {
        if (write.op === 'delete') put(key, undefined, undefined);
        else if (write.op !== 'check') put(key, encodeEntry(version, write.expiresAt, json), write.expiresAt);
      }
    } catch (error) {
      // Other commits share the transaction, so it cannot be rolled back for this one alone. Nothing may be
      // acknowledged from here on; at the next opening LMDB is at its last synced state.
      state = 'broken';
      throw error;
    }
    return { ok: true, version };
  }

  /** One write transaction, shared with those of the same turn. Throws {@link StorageError} unless it became durable. */
  const write = <T>(work: () => T): Promise<T> => watch.settle(root.transaction(work));

  async function sweep(): Promise<number> {
    if (state !== 'open') return 0;
    const end = expiryScanEnd(Math.floor(options.clock.now() / 1000));
    const due = [...expiries.getKeys({ end, limit: sweepBatch })];
    if (due.length === 0) return 0;
    return write(() => {
      let swept = 0;
      for (const key of due) {
        const record = recordKeyOf(key);
        if (records.get(record) !== undefined && live(record) === undefined) {
          put(record, undefined, undefined);
          swept++;
        } else void expiries.remove(key);
      }
      return swept;
    });
  }

  const sweeper = readOnly
    ? undefined
    : setInterval(() => {
        // A failed sweep costs nothing but space, and the next one tries again.
        sweep().catch(() => undefined);
      }, sweepEveryMs);
  sweeper?.unref();

  return {
    capabilities: { engine: 'lmdb', shared: true },

    async get<T>(key: Key) {
      assertUsable();
      checkKey(key);
      const entry = live(recordKey(key));
      return entry === undefined ? undefined : toRecord<T>(key.partition, key.sort, entry);
    },

    async getMany<T>(keys: readonly Key[]) {
      assertUsable();
      checkKeys(keys);
      return keys.map((key) => {
        const entry = live(recordKey(key));
        return entry === undefined ? undefined : toRecord<T>(key.partition, key.sort, entry);
      });
    },

    list: listWith(async <T>(partition: string, listOptions: ListOptions) => {
      assertUsable();
      return listRecords<T>(reading, partition, listOptions);
    }),

    async scan<T>(scanOptions?: ScanOptions): Promise<Page<T>> {
      assertUsable();
      return scanRecords<T>(reading, scanOptions);
    },

    async commit(writes: readonly Write[]): Promise<CommitResult> {
      assertUsable();
      if (readOnly) throw new StorageError('unavailable', 'the store was opened for reading only');
      const prepared = prepareCommit(writes);
      return write(() => apply(prepared));
    },

    sweep,

    look: () => lookAt(root),

    async close() {
      if (state === 'closed') return;
      state = 'closed';
      clearInterval(sweeper);
      pinned?.done();
      await root.close();
    },
  };
}

function openRoot(path: string, readOnly: boolean): RootDatabase<string, Buffer> {
  // Read by LMDB, but not in its types: what is in the store is for the broker's own user, whoever may enter the directory.
  const options: RootDatabaseOptionsWithPath & { readonly permissionsMode: number } = {
    path,
    readOnly,
    permissionsMode: 0o600,
    keyEncoding: 'binary',
    encoding: 'string',
    maxDbs: 2,
    // Commits of one turn share a transaction either way. With batching, lmdb keeps a promise of its own for each batch that
    // nobody can take: on a full disk its rejection would end the process.
    eventTurnBatching: false,
  };
  try {
    return open(options);
  } catch (error) {
    throw new StorageError('unavailable', `${path}: ${error instanceof Error ? error.message : ''}`, error);
  }
}
