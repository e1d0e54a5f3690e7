import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createBroker } from '../../src/main.ts';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { unfinishedKey } from '../../src/storage/transfer/unfinished.ts';
import { contentOf } from '../support/records.ts';
import { cli } from './run.ts';

let directory: string;
let data: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-cli-backup-'));
  data = join(directory, 'data');
  file = join(directory, 'backup.jsonl.gz');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Made and stopped: a store with keys. */
async function brokerWasHere(): Promise<void> {
  await (await createBroker(loadConfig({ BROKER_DATA_DIR: data, LOG_LEVEL: 'silent' }))).close();
}

async function contentIn(path: string) {
  const store = await openLmdbStoreForReading({ clock: systemClock, directory: path });
  const content = await contentOf(store);
  await store.close();
  return content;
}

const inDirectory = (path: string) => ({ env: { BROKER_DATA_DIR: path } });

async function markUnfinished(path: string): Promise<void> {
  const store = openLmdbStore({ clock: systemClock, directory: path });
  const value = { kind: 'restore', source: 'x', read: 3 };
  await store.commit([{ op: 'put', ...unfinishedKey, value }]);
  await store.close();
}

describe('backup and restore', () => {
  it('tell people what they did, and what is still missing: the master key', async () => {
    await brokerWasHere();
    const backup = await cli(['backup', file], inDirectory(data));
    expect(backup).toMatchObject({ code: 0, err: '' });
    expect(backup.out).toMatch(
      /^\/.*backup\.jsonl\.gz: \d+ records, .*\nsha256 of its records: [0-9a-f]{64}\nThe master key is not in it/,
    );
    const other = join(directory, 'other');
    const restore = await cli(['restore', file], inDirectory(other));
    expect(restore).toMatchObject({ code: 0, err: '' });
    expect(restore.out).toMatch(
      / records of 2.*Z, restored and verified\nThe master key is missing: put it back/,
    );
    expect(await contentIn(other)).toEqual(await contentIn(data));
    await writeFile(join(other, 'master.key'), Buffer.alloc(32, 1).toString('base64url'));
    await expect(createBroker(loadConfig({ BROKER_DATA_DIR: other, LOG_LEVEL: 'silent' }))).rejects.toThrow(
      /master key|BROKER_MASTER_KEY/i,
    );
  });

  it('tell programs all of it', async () => {
    await brokerWasHere();
    const { length } = await contentIn(data);
    const backup = JSON.parse((await cli(['backup', file, '--json'], inDirectory(data))).out) as object;
    expect(backup).toMatchObject({ file, records: length, engine: 'lmdb' });
    const other = join(directory, 'other');
    const key = (await readFile(join(data, 'master.key'), 'utf8')).trim();
    const restore = await cli(['restore', file, '--json'], {
      env: { BROKER_DATA_DIR: other, BROKER_MASTER_KEY: key },
    });
    expect(JSON.parse(restore.out)).toMatchObject({
      file,
      dataDir: other,
      records: length,
      sha256: (backup as { sha256: string }).sha256,
      resumed: false,
      verified: { count: length, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      masterKey: 'fits',
    });
  });

  it('say when the master key that is here is another', async () => {
    await brokerWasHere();
    await cli(['backup', file], inDirectory(data));
    const { out } = await cli(['restore', file, '--json'], {
      env: {
        BROKER_DATA_DIR: join(directory, 'other'),
        BROKER_MASTER_KEY: Buffer.alloc(32, 1).toString('base64url'),
      },
    });
    expect(JSON.parse(out)).toMatchObject({ masterKey: 'does not fit' });
  });

  it('show on a terminal how far they are, and leave nothing of it', async () => {
    await brokerWasHere();
    const backup = await cli(['backup', file], { ...inDirectory(data), tty: true });
    expect(backup.err).toMatch(/copying +\d+ records/);
    const restore = await cli(['restore', file], { ...inDirectory(join(directory, 'other')), tty: true });
    expect(restore.err).toMatch(/copying +\S*█{24}\S* 100 % {2}\d+ of \d+/);
    expect(restore.err.endsWith('\r\u001B[2K')).toBe(true);
  });

  it('never overwrite', async () => {
    await brokerWasHere();
    await writeFile(file, 'precious');
    const backup = await cli(['backup', file], inDirectory(data));
    expect(backup).toMatchObject({ code: 2, out: '' });
    expect(backup.err).toContain(`There is a file ${file} already.`);
    expect(await readFile(file, 'utf8')).toBe('precious');
    expect((await cli(['backup', file, '--force'], inDirectory(data))).code).toBe(0);
    const before = await contentIn(data);
    const restore = await cli(['restore', file], inDirectory(data));
    expect(restore).toMatchObject({ code: 1, out: '' });
    expect(restore.err).toContain('The store is not empty.');
    expect(await contentIn(data)).toEqual(before);
  });

  it('say in a sentence what is wrong with a file, and make nothing', async () => {
    const restore = await cli(['restore', file], inDirectory(data));
    expect(restore).toMatchObject({ code: 2 });
    expect(restore.err).toBe(`error ${file} cannot be used: there is no such file.\n`);
    await writeFile(file, 'no backup');
    const bad = await cli(['restore', file, '--json'], inDirectory(data));
    expect(bad).toMatchObject({ code: 2 });
    expect(JSON.parse(bad.err)).toMatchObject({
      error: { message: expect.stringContaining(file) as string },
    });
    await expect(access(data)).rejects.toThrow('ENOENT');
    await brokerWasHere();
    const nowhere = await cli(['backup', join(directory, 'none', 'a.jsonl')], inDirectory(data));
    expect(nowhere).toMatchObject({ code: 2 });
    expect(nowhere.err).toMatch(/cannot be used: there is no such file/);
  });

  it('without a store there is nothing to back up, and nothing is made', async () => {
    const backup = await cli(['backup', file], inDirectory(data));
    expect(backup).toMatchObject({ code: 78, out: '' });
    expect(backup.err).toBe(
      `error There is no store in ${data}: set BROKER_DATA_DIR to the directory of the broker.\n`,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it('of a store that is not done: no broker starts on it, and doctor says what to do', async () => {
    await markUnfinished(data);
    const env = { BROKER_DATA_DIR: data, LOG_LEVEL: 'silent', PORT: '0' };
    const serve = await cli(['serve'], { env, createBroker });
    expect(serve).toMatchObject({ code: 78 });
    expect(serve.err).toContain('The store is an unfinished restore: run a2a-broker restore again');
    const doctor = await cli(['doctor'], { env });
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/fail +store contents +The store is an unfinished restore/);
    const backup = await cli(['backup', file], { env });
    expect(backup).toMatchObject({ code: 1 });
    expect(backup.err).toContain('unfinished restore');
  });
});
