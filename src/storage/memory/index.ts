import type { Clock } from '../../kernel/clock.ts';
import {
  checkKey,
  checkKeys,
  decodeCursor,
  decodeScanCursor,
  encodeCursor,
  encodeScanCursor,
  pageSize,
  prepareCommit,
} from '../limits.ts';
import { compareBytes, listWith } from '../merged-list.ts';
import {
  type CommitResult,
  type Key,
  type ListOptions,
  type Page,
  type ScanOptions,
  StorageError,
  type Store,
  type StoredRecord,
  type Write,
} from '../port.ts';

interface Entry {
  readonly json: string;
  readonly version: string;
  readonly expiresAt: number | undefined;
}

/** For tests and trials: everything is gone when the process ends. */
export function openMemoryStore(deps: { readonly clock: Clock }): Store {
  const partitions = new Map<string, Map<string, Entry>>();
  let commits = 0;
  let open = true;

  function assertOpen(): void {
    if (!open) throw new StorageError('closed', 'the store is closed');
  }

  function live(key: Key): Entry | undefined {
    const entry = partitions.get(key.partition)?.get(key.sort);
    if (entry?.expiresAt !== undefined && entry.expiresAt * 1000 <= deps.clock.now()) return undefined;
    return entry;
  }

  function toRecord<T>(key: Key, entry: Entry): StoredRecord<T> {
    return {
      partition: key.partition,
      sort: key.sort,
      version: entry.version,
      value: JSON.parse(entry.json) as T,
      ...(entry.expiresAt === undefined ? {} : { expiresAt: entry.expiresAt }),
    };
  }

  function holds(write: Write): boolean {
    const entry = live(write);
    switch (write.op) {
      case 'put':
        return true;
      case 'putIfAbsent':
        return entry === undefined;
      case 'putIfVersion':
        return entry?.version === write.version;
      case 'delete':
        return write.version === undefined || entry?.version === write.version;
      case 'check':
        return write.version === null ? entry === undefined : entry?.version === write.version;
    }
  }

  function apply(write: Write, json: string, version: string): void {
    if (write.op === 'check') return;
    if (write.op === 'delete') {
      partitions.get(write.partition)?.delete(write.sort);
      return;
    }
    let partition = partitions.get(write.partition);
    if (partition === undefined) partitions.set(write.partition, (partition = new Map<string, Entry>()));
    partition.set(write.sort, { json, version, expiresAt: write.expiresAt });
  }

  async function listOne<T>(partition: string, options: ListOptions): Promise<Page<T>> {
    assertOpen();
    const limit = pageSize(options);
    const prefix = options.sortPrefix ?? '';
    const after = options.cursor === undefined ? undefined : decodeCursor(options.cursor, prefix);
    const direction = options.reverse === true ? -1 : 1;
    const sorts = [...(partitions.get(partition)?.keys() ?? [])]
      .filter((sort) => sort.startsWith(prefix))
      .filter((sort) => after === undefined || compareBytes(sort, after) * direction > 0)
      .filter((sort) => live({ partition, sort }) !== undefined)
      .toSorted((a, b) => compareBytes(a, b) * direction);
    const items = sorts.slice(0, limit).flatMap((sort) => {
      const entry = live({ partition, sort });
      return entry === undefined ? [] : [toRecord<T>({ partition, sort }, entry)];
    });
    const last = items.at(-1);
    return last !== undefined && sorts.length > limit
      ? { items, cursor: encodeCursor(last.sort) }
      : { items };
  }

  return {
    capabilities: { engine: 'memory', shared: false },

    async get<T>(key: Key) {
      assertOpen();
      checkKey(key);
      const entry = live(key);
      return entry === undefined ? undefined : toRecord<T>(key, entry);
    },

    async getMany<T>(keys: readonly Key[]) {
      assertOpen();
      checkKeys(keys);
      return keys.map((key) => {
        const entry = live(key);
        return entry === undefined ? undefined : toRecord<T>(key, entry);
      });
    },

    list: listWith(listOne),

    async scan<T>(options: ScanOptions = {}): Promise<Page<T>> {
      assertOpen();
      const limit = pageSize(options);
      const after = options.cursor === undefined ? undefined : decodeScanCursor(options.cursor);
      const keys = [...partitions]
        .flatMap(([partition, entries]) => [...entries.keys()].map((sort) => ({ partition, sort })))
        .filter((key) => live(key) !== undefined && (after === undefined || compareKeys(key, after) > 0))
        .toSorted(compareKeys);
      const items = keys.slice(0, limit).flatMap((key) => {
        const entry = live(key);
        return entry === undefined ? [] : [toRecord<T>(key, entry)];
      });
      const last = items.at(-1);
      return last !== undefined && keys.length > limit
        ? { items, cursor: encodeScanCursor(last) }
        : { items };
    },

    async commit(writes: readonly Write[]): Promise<CommitResult> {
      assertOpen();
      const prepared = prepareCommit(writes);
      const failed = prepared.flatMap(({ write }, index) => (holds(write) ? [] : [index]));
      if (failed.length > 0) return { ok: false, failed };
      const version = (++commits).toString(36);
      for (const { write, json } of prepared) apply(write, json, version);
      return { ok: true, version };
    },

    async close() {
      open = false;
    },
  };
}

function compareKeys(a: Key, b: Key): number {
  return compareBytes(a.partition, b.partition) || compareBytes(a.sort, b.sort);
}
