import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { findUnfinished } from '../../src/storage/transfer/unfinished.ts';
import { writeBackup } from '../../src/storage/transfer/write-backup.ts';
import { spawnCli } from '../cli/process.ts';
import { cli } from '../cli/run.ts';
import { contentOf, fill, sampleRecords } from '../support/records.ts';

let directory: string;
let data: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-restore-kill-'));
  data = join(directory, 'data');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** How far it says it is; nothing where it has not begun, or is done. */
async function readSoFar(): Promise<number | undefined> {
  try {
    const store = await openLmdbStoreForReading({ clock: systemClock, directory: data });
    const found = await findUnfinished(store);
    await store.close();
    return found?.value.read;
  } catch {
    return undefined;
  }
}

it('kill -9 in the middle of a restore: no broker starts, and the next one goes on', async () => {
  const original = openMemoryStore({ clock: systemClock });
  await fill(original, sampleRecords(Math.floor(Date.now() / 1000) + 86_400, 20_000));
  const path = join(directory, 'a.jsonl.gz');
  await writeBackup({
    store: original,
    path,
    clock: systemClock,
    broker: '1.2.3',
    force: false,
    progress: () => undefined,
  });

  const killed = spawnCli(['restore', path], { BROKER_DATA_DIR: data });
  await expect.poll(readSoFar, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
  killed.child.kill('SIGKILL');
  expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
  expect(await readSoFar()).toBeLessThan(20_002);

  const serve = spawnCli(['serve'], { BROKER_DATA_DIR: data, PORT: '0' });
  expect(await serve.ended).toMatchObject({ code: 78 });
  expect(serve.err()).toContain('The store is an unfinished restore');

  const resumed = spawnCli(['restore', path, '--json'], { BROKER_DATA_DIR: data });
  let report = '';
  for await (const line of resumed.lines) report += line;
  expect(await resumed.ended, resumed.err()).toMatchObject({ code: 0 });
  expect(JSON.parse(report)).toMatchObject({ resumed: true, records: 20_002, verified: { count: 20_002 } });
  const store = await openLmdbStoreForReading({ clock: systemClock, directory: data });
  expect(await contentOf(store)).toEqual(await contentOf(original));
  await store.close();
  expect((await cli(['doctor', '--json'], { env: { BROKER_DATA_DIR: data } })).out).not.toContain(
    'unfinished',
  );
}, 90_000);
