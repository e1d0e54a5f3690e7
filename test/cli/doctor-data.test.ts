import { chmod, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAudit } from '../../src/audit/index.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { testClock } from '../support/clock.ts';
import { examine, finding, patient, startOnce, useDoctor } from './doctor-patient.ts';

useDoctor();

describe('the data directory', () => {
  it('fails when it is a file, or under one', async () => {
    await writeFile(patient.data, '');
    expect(await finding('data directory')).toBe(`fail: ${patient.data} is a file`);
    expect(await finding('data directory', { BROKER_DATA_DIR: join(patient.data, 'below') })).toMatch(
      /^fail: .*is a file|cannot be used/,
    );
  });

  it('is warned about when others can read it, and all is well when it is closed', async () => {
    await startOnce();
    expect(await finding('permissions')).toMatch(/^ok/);
    await chmod(patient.data, 0o755);
    await chmod(join(patient.data, 'master.key'), 0o644);
    const { checks } = await examine();
    const check = checks.find(({ name }) => name === 'permissions');
    expect(check).toMatchObject({
      status: 'warn',
      advice: [`chmod go-rwx ${patient.data} ${join(patient.data, 'master.key')}`],
    });
    await chmod(patient.data, 0o700);
    expect(await finding('permissions')).toMatch(/^ok/);
  });
});

describe('the store', () => {
  it.each([
    [
      'is none',
      () => writeFile(join(patient.data, 'broker.mdb'), 'not a store'),
      /^fail: .*is not a store of this broker/,
    ],
    ['was cut', async () => truncate(join(patient.data, 'broker.mdb'), 8192), /^fail: .*is not whole/],
    [
      'is a directory',
      async () => {
        await rm(join(patient.data, 'broker.mdb'));
        await mkdir(join(patient.data, 'broker.mdb'));
      },
      /^fail: .*cannot be read: it is a directory/,
    ],
  ])('fails when the file %s', async (_, damage, message) => {
    await startOnce();
    await damage();
    expect(await finding('store')).toMatch(message);
  });
});

describe('the master key', () => {
  it('fails when it is another', async () => {
    await startOnce();
    const other = { BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
    expect(await finding('master key', other)).toMatch(
      /^fail: The signing keys in the store were encrypted with another/,
    );
  });

  it('fails when it is gone, and is not made anew', async () => {
    await startOnce();
    await rm(join(patient.data, 'master.key'));
    expect(await finding('master key')).toMatch(/^fail: there is a store, but its key .*master\.key is gone/);
    expect(await readdir(patient.data)).not.toContain('master.key');
  });

  it('fails when its file is damaged', async () => {
    await startOnce();
    await writeFile(join(patient.data, 'master.key'), 'short');
    expect(await finding('master key')).toMatch(/^fail: .*master\.key must hold 32 bytes/);
  });
});

describe('the clock', () => {
  it('fails when the store was written later than now', async () => {
    const clock = testClock(Date.now() + 3_600_000);
    const store = openLmdbStore({ clock, directory: patient.data });
    await createAudit({ store, clock, ids: systemIds }).record({ action: 'test.run', outcome: 'allowed' });
    await store.close();
    expect(await finding('clock')).toMatch(/^fail: it says .*, but the newest audit entry is of /);
  });
});
