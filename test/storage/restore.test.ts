import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { StorageError, type Store, type Write } from '../../src/storage/port.ts';
import { restoreBackup } from '../../src/storage/transfer/restore-backup.ts';
import { findUnfinished, refuseUnfinished } from '../../src/storage/transfer/unfinished.ts';
import { writeBackup } from '../../src/storage/transfer/write-backup.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { contentOf, fill, sampleRecords } from '../support/records.ts';
import { storeOver } from '../support/store-over.ts';
import { engines } from '../support/stores.ts';

let clock: TestClock;
let directory: string;
let path: string;
beforeEach(async () => {
  clock = testClock();
  directory = await mkdtemp(join(tmpdir(), 'broker-restore-'));
  path = join(directory, 'a.jsonl');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const backUp = (store: Store, file = path) =>
  writeBackup({ store, path: file, clock, broker: '1.2.3', force: true, progress: () => undefined });
/** The store stays open: tests look into it. */
const restore = (target: Store, file = path) =>
  restoreBackup({
    path: file,
    openTarget: () => Promise.resolve(storeOver(target, { close: () => Promise.resolve() })),
    clock,
    progress: () => undefined,
  });
const now = () => clock.now() / 1000;

async function backedUp(): Promise<Store> {
  const store = openMemoryStore({ clock });
  await fill(store, sampleRecords(now()));
  await backUp(store);
  return store;
}

describe.each(engines)('a backup of and into $name', (engine) => {
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ store, dispose } = await engine.open(clock));
  });
  afterEach(() => dispose());

  it.each(['a.jsonl', 'a.jsonl.gz'])('%s has all that was there', async (name) => {
    await fill(store, sampleRecords(now()));
    const other = openMemoryStore({ clock });
    await backUp(store, join(directory, name));
    const restored = await restore(other, join(directory, name));
    expect(await contentOf(other)).toEqual(await contentOf(store));
    expect(restored).toMatchObject({ read: 402, resumed: false, verified: { count: 401 } });
  });

  it('fills an empty store, but with nothing that has expired by then', async () => {
    const other = await backedUp();
    clock.advance(60_000);
    await restore(store);
    expect(await contentOf(store)).toEqual(await contentOf(other));
    expect(await contentOf(store)).toHaveLength(401);
    expect(await findUnfinished(store)).toBeUndefined();
  });

  it('leaves a store alone that is not empty', async () => {
    await backedUp();
    await store.commit([{ op: 'put', partition: 'own', sort: 'a', value: 1 }]);
    await expect(restore(store)).rejects.toMatchObject({ code: 'not_empty' });
    expect(await contentOf(store)).toEqual([{ partition: 'own', sort: 'a', value: 1 }]);
  });

  it('goes on where it was interrupted, and until then no broker starts', async () => {
    const other = await backedUp();
    const { store: failing, writes } = failingAfter(store, 3);
    await expect(restore(failing)).rejects.toThrow('power failure');
    expect(writes.length).toBeGreaterThan(100);
    await expect(refuseUnfinished(store)).rejects.toThrow('unfinished restore: run a2a-broker restore again');
    await expect(backUp(store, join(directory, 'b.jsonl'))).rejects.toMatchObject({ code: 'unfinished' });

    const { store: counting, writes: rest } = failingAfter(store, Infinity);
    expect(await restore(counting)).toMatchObject({ resumed: true, read: 402 });
    const written = new Set(writes.map((write) => `${write.partition} ${write.sort}`));
    expect(rest.filter((write) => written.has(`${write.partition} ${write.sort}`))).toEqual([]);
    expect(written.size + rest.length).toBe(402);
    expect(await contentOf(store)).toEqual(await contentOf(other));
    await refuseUnfinished(store);
  });
});

/** Fails for good after so many commits; tells the records that were written, without marks. */
function failingAfter(store: Store, commits: number): { store: Store; writes: Write[] } {
  const writes: Write[] = [];
  let count = 0;
  return {
    writes,
    store: storeOver(store, {
      commit: async (given) => {
        if (count++ >= commits) throw new StorageError('unavailable', 'power failure');
        writes.push(...given.filter(({ partition }) => partition !== 'unfinished-copy'));
        return store.commit(given);
      },
    }),
  };
}

describe('a restore', () => {
  it('does not go on with another backup', async () => {
    const other = await backedUp();
    const store = openMemoryStore({ clock });
    await expect(restore(failingAfter(store, 3).store)).rejects.toThrow('power failure');
    await other.commit([{ op: 'put', partition: 'new', sort: 'a', value: 1 }]);
    await backUp(other);
    await expect(restore(store)).rejects.toMatchObject({ code: 'other_copy' });
  });

  it('fails when another one works on the same store', async () => {
    await backedUp();
    const store = openMemoryStore({ clock });
    let commits = 0;
    const disturbed = storeOver(store, {
      commit: async (writes) => {
        if (++commits === 3) await restore(store);
        return store.commit(writes);
      },
    });
    await expect(restore(disturbed)).rejects.toMatchObject({ code: 'in_use' });
  });

  const isSeventh = ({ sort }: Write) => sort.startsWith('s7 ');
  it.each([
    ['lost', (writes: readonly Write[]) => writes.filter((write) => !isSeventh(write))],
    [
      'changed',
      (writes: readonly Write[]) =>
        writes.map((write) => ('value' in write && isSeventh(write) ? { ...write, value: 'other' } : write)),
    ],
    [
      'added',
      (writes: readonly Write[]) =>
        writes.map((write) => ('value' in write && isSeventh(write) ? { ...write, sort: 'new' } : write)),
    ],
  ])('finds what was %s on the way, and then no broker starts', async (_, change) => {
    await backedUp();
    const store = openMemoryStore({ clock });
    const faulty = storeOver(store, { commit: (writes) => store.commit(change(writes)) });
    await expect(restore(faulty)).rejects.toMatchObject({ code: 'mismatch' });
    await expect(refuseUnfinished(store)).rejects.toThrow('unfinished restore');
  });

  it('finds what somebody else wrote meanwhile', async () => {
    await backedUp();
    const store = openMemoryStore({ clock });
    const shared = storeOver(store, {
      commit: async (writes) => {
        await store.commit([{ op: 'put', partition: 'own', sort: 'a', value: 1 }]);
        return store.commit(writes);
      },
    });
    await expect(restore(shared)).rejects.toMatchObject({ code: 'mismatch' });
  });

  it('refuses a backup, well-formed and with the right digest, that has a record twice', async () => {
    await backedUp();
    const [header = '', first = ''] = (await readFile(path, 'utf8')).split('\n');
    const records = `${first}\n${first}\n`;
    const sha256 = createHash('sha256').update(records).digest('hex');
    await writeFile(path, `${header}\n${records}${JSON.stringify({ end: true, count: 2, sha256 })}\n`);
    const store = openMemoryStore({ clock });
    await expect(restore(store)).rejects.toMatchObject({ code: 'bad_file' });
    await expect(refuseUnfinished(store)).rejects.toThrow('unfinished restore');
  });
});
