import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { StorageError, type Store } from '../../src/storage/port.ts';
import { publishFile } from '../../src/storage/transfer/publish-file.ts';
import { checkBackup } from '../../src/storage/transfer/read-backup.ts';
import { writeBackup } from '../../src/storage/transfer/write-backup.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { fill, sampleRecords } from '../support/records.ts';
import { storeOver } from '../support/store-over.ts';

let clock: TestClock;
let directory: string;
beforeEach(async () => {
  clock = testClock();
  directory = await mkdtemp(join(tmpdir(), 'broker-backup-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const silent = () => undefined;
const backUp = (store: Store, path: string, force = false) =>
  writeBackup({ store, path, clock, broker: '1.2.3', force, progress: silent });

async function sampleStore(): Promise<Store> {
  const store = openMemoryStore({ clock });
  await fill(store, sampleRecords(clock.now() / 1000));
  return store;
}

describe('the file', () => {
  it('is what the format says: a header, a line a record, an end; compressed by its name', async () => {
    const store = await sampleStore();
    const facts = await backUp(store, join(directory, 'a.jsonl'));
    await backUp(store, join(directory, 'a.jsonl.gz'));
    const text = await readFile(join(directory, 'a.jsonl'), 'utf8');
    expect(gunzipSync(await readFile(join(directory, 'a.jsonl.gz'))).toString()).toBe(text);
    const [header, ...lines] = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(JSON.parse(header ?? '')).toEqual({
      format: 'a2a-broker-backup',
      version: 1,
      broker: '1.2.3',
      takenAt: '2026-01-15T12:00:00.000Z',
      engine: 'memory',
    });
    expect(JSON.parse(lines.pop() ?? '')).toEqual({ end: true, count: 402, sha256: facts.sha256 });
    expect(lines).toHaveLength(402);
    expect(Object.keys(JSON.parse(lines[0] ?? '') as object)).not.toContain('version');
    expect(facts).toMatchObject({ count: 402, bytes: Buffer.byteLength(text) });
  });

  it('is for its owner alone, whatever the umask says', async () => {
    const before = process.umask(0);
    try {
      await backUp(await sampleStore(), join(directory, 'a.jsonl'));
    } finally {
      process.umask(before);
    }
    expect((await stat(join(directory, 'a.jsonl'))).mode & 0o777).toBe(0o600);
  });

  it('never takes the place of another, unless it is told to', async () => {
    const path = join(directory, 'a.jsonl');
    await writeFile(path, 'precious');
    const store = await sampleStore();
    await expect(backUp(store, path)).rejects.toMatchObject({ code: 'file_exists' });
    expect(await readFile(path, 'utf8')).toBe('precious');
    await backUp(store, path, true);
    expect(await checkBackup(path, silent)).toMatchObject({ count: 402 });
    expect(await readdir(directory)).toEqual(['a.jsonl']);
  });

  it('nor of one that came while it was written', async () => {
    const path = join(directory, 'a.jsonl');
    const store = await sampleStore();
    const slow = storeOver(store, {
      scan: async (options) => {
        await writeFile(path, 'precious');
        return store.scan(options);
      },
    });
    await expect(backUp(slow, path)).rejects.toMatchObject({ code: 'file_exists' });
    expect(await readFile(path, 'utf8')).toBe('precious');
    expect(await readdir(directory)).toEqual(['a.jsonl']);
  });

  it('has its name also where there are no links, and there too never that of another', async () => {
    const link = () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }));
    const [draft, path] = [join(directory, 'a.part'), join(directory, 'a.jsonl')];
    await writeFile(draft, 'whole');
    await publishFile({ draft, path, force: false, link });
    expect(await readFile(path, 'utf8')).toBe('whole');
    await writeFile(draft, 'another');
    const again = publishFile({ draft, path, force: false, link });
    await expect(again).rejects.toMatchObject({ code: 'file_exists' });
    expect(await readFile(path, 'utf8')).toBe('whole');
  });

  it('is not there when the store failed half-way, and what was there before still is', async () => {
    const path = join(directory, 'a.jsonl');
    const store = await sampleStore();
    await backUp(store, path);
    const before = await readFile(path);
    let pages = 0;
    const failing = storeOver(store, {
      scan: (options) =>
        ++pages > 2 ? Promise.reject(new StorageError('unavailable', 'gone')) : store.scan(options),
    });
    await expect(backUp(failing, path, true)).rejects.toThrow('gone');
    await expect(backUp(failing, join(directory, 'b.jsonl'))).rejects.toThrow('gone');
    expect(await readdir(directory)).toEqual(['a.jsonl']);
    expect(await readFile(path)).toEqual(before);
  });

  it('of an empty store is a backup, too', async () => {
    const path = join(directory, 'a.jsonl');
    await backUp(openMemoryStore({ clock }), path);
    expect(await checkBackup(path, silent)).toMatchObject({ count: 0 });
  });
});

describe('of an embedded store that is written to', () => {
  it('is the state of one moment', async () => {
    const data = join(directory, 'data');
    const store = openLmdbStore({ clock, directory: data });
    const both = (value: number) =>
      ['a', 'z'].map((partition) => ({ op: 'put' as const, partition, sort: 'counter', value }));
    await fill(store, sampleRecords(clock.now() / 1000));
    await store.commit(both(0));
    const reading = await openLmdbStoreForReading({ clock, directory: data, snapshot: true });
    let written = 0;
    const meanwhile = storeOver(reading, {
      scan: async (options) => {
        await store.commit(both(++written));
        await store.commit([{ op: 'delete', partition: 'large', sort: 'one' }]);
        return reading.scan(options);
      },
    });
    const path = join(directory, 'a.jsonl');
    await backUp(meanwhile, path);
    await reading.close();
    await store.close();
    expect(written).toBeGreaterThan(3);
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines.filter((line) => line.includes('"counter"'))).toEqual([
      '{"partition":"a","sort":"counter","value":0}',
      '{"partition":"z","sort":"counter","value":0}',
    ]);
    expect(lines.some((line) => line.startsWith('{"partition":"large"'))).toBe(true);
  });
});
