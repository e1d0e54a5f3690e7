import { BoundedCache } from '../kernel/bounded-cache.ts';
import { type Clock, epochSeconds } from '../kernel/clock.ts';
import type { Key, ReadOptions, Store, StoredRecord } from './port.ts';

/** What another process commits is seen within 5 s; the second that is left is for a slow answer and a late timer. */
export const recentMs = 4000;
const maxRecords = 10_000;

type Read = Promise<StoredRecord<unknown> | undefined>;

/**
 * The same store; where several processes share it, `get` and `getMany` with `consistency: 'eventual'` may answer with what they
 * read up to {@link recentMs} ago. So a record that many calls rest on is read once in a while instead of each time.
 *
 * - The bound is firm: what is kept was read strongly, and its age counts from before that read.
 * - What was committed through this store is seen at once.
 * - Absence is not kept: what another process has just made is found.
 * - Records that are kept are frozen, for several callers have the same one.
 *
 * An engine of one process reads from its own memory: it is left as it is.
 */
export function recentReads(store: Store, clock: Clock): Store {
  if (!store.capabilities.shared) return store;
  const kept = new BoundedCache<{ readonly read: Read; readonly since: number }>(maxRecords);

  function find(name: string): Read | undefined {
    const entry = kept.get(name);
    const now = clock.now();
    // A clock that was set back would keep it for longer.
    if (entry === undefined || entry.since > now || now - entry.since >= recentMs) return undefined;
    return entry.read;
  }

  /** Kept from the moment at which it begins: whoever asks meanwhile waits for the same answer, and a commit meanwhile drops it. */
  function keep(name: string, read: Read, since: number): Read {
    const entry = { read: read.then(frozen), since };
    const forget = () => {
      if (kept.get(name) === entry) kept.delete(name);
    };
    kept.set(name, entry);
    entry.read.then((record) => {
      if (record === undefined) forget();
    }, forget);
    return entry.read;
  }

  const drop = (keys: readonly Key[]) => {
    for (const key of keys) kept.delete(nameOf(key));
  };

  const unlessExpired = (record: StoredRecord<unknown> | undefined) =>
    record?.expiresAt !== undefined && record.expiresAt <= epochSeconds(clock) ? undefined : record;

  async function get(key: Key): Read {
    const name = nameOf(key);
    return unlessExpired(await (find(name) ?? keep(name, store.get(key), clock.now())));
  }

  async function getMany(keys: readonly Key[]): Promise<readonly (StoredRecord<unknown> | undefined)[]> {
    const found = keys.map((key) => find(nameOf(key)));
    const missing = keys.filter((_, index) => found[index] === undefined);
    if (missing.length > 0) {
      const since = clock.now();
      const batch = store.getMany<unknown>(missing);
      let next = 0;
      for (const [index, key] of keys.entries()) {
        if (found[index] !== undefined) continue;
        const place = next++;
        found[index] = keep(
          nameOf(key),
          batch.then((records) => records[place]),
          since,
        );
      }
    }
    return (await Promise.all(found.map((record) => Promise.resolve(record)))).map(unlessExpired);
  }

  return {
    ...store,
    get: async <T>(key: Key, options: ReadOptions = {}) =>
      options.consistency === 'eventual'
        ? ((await get(key)) as StoredRecord<T> | undefined)
        : store.get<T>(key, options),
    getMany: async <T>(keys: readonly Key[], options: ReadOptions = {}) =>
      options.consistency === 'eventual'
        ? ((await getMany(keys)) as readonly (StoredRecord<T> | undefined)[])
        : store.getMany<T>(keys, options),
    async commit(writes) {
      drop(writes);
      try {
        return await store.commit(writes);
      } finally {
        // Again: what was read while the commit ran may be from before it.
        drop(writes);
      }
    },
  };
}

/** Neither part of a key may be taken for the end of the other one. */
function nameOf({ partition, sort }: Key): string {
  return `${partition.length} ${partition}${sort}`;
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
