import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDataFile } from '../../src/storage/lmdb/data-file.ts';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { testClock } from '../support/clock.ts';

const clock = testClock();
let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-lmdb-'));
  file = join(directory, 'broker.mdb');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fill(records: number): Promise<void> {
  const store = openLmdbStore({ clock, directory });
  await Promise.all(
    Array.from({ length: records }, (_, n) =>
      store.commit([{ op: 'put', partition: 'p', sort: String(n), value: 'x'.repeat(900) }]),
    ),
  );
  await store.close();
}

// LMDB ends the whole process (SIGSEGV, SIGBUS) on each of these: that this test reports at all is half of what it shows.
describe('a data file that LMDB must not see', () => {
  it.each([
    ['a few bytes of something else', Buffer.from('not a store')],
    ['pages of something else', Buffer.alloc(20_000, 'garbage')],
    ['pages of nothing', Buffer.alloc(20_000)],
  ])('is refused: %s', async (_, content) => {
    await writeFile(file, content);
    expect(() => openLmdbStore({ clock, directory })).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(await readFile(file)).toEqual(content);
  });

  it.each([0.1, 0.5, 0.9])('is refused: a copy that was cut to %d of its length', async (part) => {
    await fill(300);
    await truncate(file, Math.floor((await stat(file)).size * part));
    expect(() => openLmdbStore({ clock, directory })).toThrow(/is not whole/);
  });

  it('is noticed: a copy that lost pages which nothing at its beginning refers to', async () => {
    await fill(300);
    const { size } = await stat(file);
    // As it was before, with room to spare, and the newest state at its beginning.
    const store = openLmdbStore({ clock, directory });
    for (let n = 0; n < 300; n += 50)
      await store.commit(
        Array.from({ length: 50 }, (_, at) => ({ op: 'delete', partition: 'p', sort: String(n + at) })),
      );
    for (let n = 0; n < 4; n++) await store.commit([{ op: 'put', partition: 'p', sort: 'a', value: n }]);
    await store.close();
    await truncate(file, Math.floor(size * 0.9));
    expect(checkDataFile(file)?.isShort).toBe(true);
  });

  it('is refused: a lock that is no file', async () => {
    await mkdir(`${file}-lock`);
    expect(() => openLmdbStore({ clock, directory })).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });
});

describe('a data file that is whole', () => {
  it('is taken at every moment of its life, also while it is written', async () => {
    expect(checkDataFile(file)).toBeUndefined();
    await writeFile(file, '');
    expect(checkDataFile(file)).toBeUndefined();
    const store = openLmdbStore({ clock, directory });
    for (let round = 0; round < 30; round++) {
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.commit([
            round % 3 === 2
              ? { op: 'delete', partition: 'p', sort: `${n}` }
              : { op: 'put', partition: 'p', sort: `${n}`, value: 'x'.repeat(100 * round) },
          ]),
        ),
      );
      expect(checkDataFile(file)?.bytes).toBeGreaterThan(0);
    }
    await store.close();
    expect(checkDataFile(file)).toEqual({ bytes: (await stat(file)).size, isShort: false });
  });
});

describe('a store opened for reading', () => {
  it('sees what another has just written, and writes nothing', async () => {
    const writer = openLmdbStore({ clock, directory });
    await writer.commit([{ op: 'put', partition: 'p', sort: 'a', value: 1 }]);
    const reader = await openLmdbStoreForReading({ clock, directory });
    expect((await reader.get({ partition: 'p', sort: 'a' }))?.value).toBe(1);
    await expect(reader.commit([{ op: 'put', partition: 'p', sort: 'a', value: 2 }])).rejects.toThrow(
      /reading only/,
    );
    await reader.close();
    await writer.commit([{ op: 'put', partition: 'p', sort: 'b', value: 2 }]);
    expect((await writer.list('p')).items.map(({ value }) => value)).toEqual([1, 2]);
    await writer.close();
  });

  it('leaves a restored copy exactly as it was, without a lock file beside it', async () => {
    await fill(10);
    await rm(`${file}-lock`);
    const before = await readFile(file);
    const reader = await openLmdbStoreForReading({ clock, directory });
    expect((await reader.list('p')).items).toHaveLength(10);
    await reader.close();
    expect(await readdir(directory)).toEqual(['broker.mdb']);
    expect(await readFile(file)).toEqual(before);
  });

  it.each([
    ['missing', undefined, { name: 'ConfigError' }],
    ['empty', '', { name: 'StorageError', code: 'unavailable' }],
  ])('does not make a store where it is %s', async (_, content, refusal) => {
    if (content !== undefined) await writeFile(file, content);
    await expect(openLmdbStoreForReading({ clock, directory })).rejects.toThrow(
      expect.objectContaining(refusal),
    );
    expect(await readdir(directory)).toEqual(content === undefined ? [] : ['broker.mdb']);
  });
});
