import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { decodeEntry } from '../../src/storage/lmdb/entry.ts';
import { testClock } from '../support/clock.ts';

const holdLock = `
  import { open } from 'lmdb';
  const root = open({ path: process.env.STORE, keyEncoding: 'binary', encoding: 'string', maxDbs: 2 });
  root.transactionSync(() => {
    process.stdout.write('held');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-lmdb-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the embedded engine', () => {
  it('keeps its files from everybody but their owner, whatever the directory allows', async () => {
    await chmod(directory, 0o755);
    await openLmdbStore({ clock: testClock(), directory }).close();
    const files = await readdir(directory);
    expect(files.toSorted()).toEqual(['broker.mdb', 'broker.mdb-lock']);
    for (const file of files) expect((await stat(join(directory, file))).mode & 0o077).toBe(0);
  });

  it('finds everything again after it was closed', async () => {
    const clock = testClock();
    const first = openLmdbStore({ clock, directory });
    await first.commit([{ op: 'put', partition: 'p', sort: 'a', value: { kept: true } }]);
    await first.close();
    const second = openLmdbStore({ clock, directory });
    expect((await second.get({ partition: 'p', sort: 'a' }))?.value).toEqual({ kept: true });
    await second.close();
  });

  it('never gives a version twice, across openings', async () => {
    const versions = new Set<string>();
    for (let opening = 0; opening < 3; opening++) {
      const store = openLmdbStore({ clock: testClock(), directory });
      for (let n = 0; n < 3; n++) {
        const commit = await store.commit([{ op: 'put', partition: 'p', sort: 'a', value: n }]);
        if (commit.ok) versions.add(commit.version);
      }
      await store.close();
    }
    expect(versions.size).toBe(9);
  });

  it('sweeps what has expired and nothing else', async () => {
    const clock = testClock();
    const store = openLmdbStore({ clock, directory });
    const now = clock.now() / 1000;
    const put = (sort: string, expiresAt?: number) =>
      store.commit([
        { op: 'put', partition: 'p', sort, value: 1, ...(expiresAt === undefined ? {} : { expiresAt }) },
      ]);
    await put('gone', now + 5);
    await put('prolonged', now + 5);
    await put('prolonged', now + 500);
    await put('made-permanent', now + 5);
    await put('made-permanent');
    await put('later', now + 50);
    clock.advance(10_000);
    expect(await store.sweep()).toBe(1);
    expect(await store.sweep()).toBe(0);
    clock.set((now + 1) * 1000);
    expect((await store.list('p')).items.map(({ sort }) => sort)).toEqual([
      'later',
      'made-permanent',
      'prolonged',
    ]);
    await store.close();
  });

  it('answers in bounded time while another process holds the write lock, and goes on when that has died', async () => {
    const store = openLmdbStore({ clock: testClock(), directory, writeTimeoutMs: 100 });
    const put = (sort: string) => store.commit([{ op: 'put', partition: 'p', sort, value: 1 }]);
    await put('before');
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', holdLock], {
      env: { ...process.env, STORE: join(directory, 'broker.mdb') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await expect(put('while')).rejects.toMatchObject({ code: 'unavailable' });
    expect(await store.get({ partition: 'p', sort: 'before' })).toBeDefined();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await expect
      .poll(() =>
        put('after').then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      .toBe(true);
    await store.close();
  });

  it('says so when a record is not in its form', () => {
    expect(() => decodeEntry('garbage')).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });
});
