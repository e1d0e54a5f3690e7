import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlainRecord } from '../../src/storage/backup-format.ts';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { type LmdbStore, openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { StorageError, type Store } from '../../src/storage/port.ts';
import { migrateStore } from '../../src/storage/transfer/migrate-store.ts';
import type { TransferStage } from '../../src/storage/transfer/restore-backup.ts';
import { refuseUnfinished } from '../../src/storage/transfer/unfinished.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { newTable, testClient } from '../support/dynamodb-table.ts';
import { contentOf, fill, sampleRecords } from '../support/records.ts';
import { storeOver } from '../support/store-over.ts';

/** As a broker would that runs for a moment: in a process of its own, for within one LMDB opens a file in one way. */
async function writeElsewhere(directory: string, record: PlainRecord): Promise<void> {
  const script = `
    import { openLmdbStore } from './src/storage/lmdb/index.ts';
    const store = openLmdbStore({ clock: { now: () => Date.now() }, directory: process.env.DIRECTORY });
    await store.commit([{ op: 'put', ...JSON.parse(process.env.RECORD) }]);
    await store.close();
  `;
  await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'], DIRECTORY: directory, RECORD: JSON.stringify(record) },
  });
}

describe.skipIf(dynamoDbEndpoint === undefined)('a migration from lmdb to dynamodb', () => {
  let clock: TestClock;
  let directory: string;
  let source: LmdbStore;
  let target: Store;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    clock = testClock();
    directory = await mkdtemp(join(tmpdir(), 'broker-migrate-'));
    const store = openLmdbStore({ clock, directory });
    await fill(store, sampleRecords(clock.now() / 1000));
    await store.close();
    const made = await newTable(dynamoDbEndpoint ?? '');
    drop = made.drop;
    target = openDynamoDbStore({ clock, client: testClient(dynamoDbEndpoint ?? ''), table: made.table });
    source = await openLmdbStoreForReading({ clock, directory });
  });
  afterEach(async () => {
    await source.close();
    await target.close();
    await drop();
    await rm(directory, { recursive: true, force: true });
  });

  const migrate = (to: Store = target, stages: TransferStage[] = []) =>
    migrateStore({ source, target: to, clock, progress: (stage) => stages.push(stage) });

  function failingAfter(commits: number): { readonly store: Store; readonly written: Set<string> } {
    const written = new Set<string>();
    let count = 0;
    const store = storeOver(target, {
      commit: async (writes) => {
        if (count++ >= commits) throw new StorageError('unavailable', 'throttled for ever');
        for (const { partition, sort } of writes) written.add(`${partition} ${sort}`);
        return target.commit(writes);
      },
    });
    return { store, written };
  }

  it('copies all of it, and says how far it is', async () => {
    const stages: TransferStage[] = [];
    expect(await migrate(target, stages)).toMatchObject({
      read: 402,
      resumed: false,
      verified: { count: 401 },
    });
    expect(await contentOf(target)).toEqual(await contentOf(source));
    expect([...new Set(stages)]).toEqual(['checking', 'copying', 'verifying']);
    await refuseUnfinished(target);
  });

  it('leaves a table alone that is not empty, its own work of before too', async () => {
    await migrate();
    await expect(migrate()).rejects.toMatchObject({ code: 'not_empty' });
  });

  it('goes on where it was interrupted, and until then no broker starts', async () => {
    const first = failingAfter(3);
    await expect(migrate(first.store)).rejects.toThrow('throttled for ever');
    await expect(refuseUnfinished(target)).rejects.toThrow('unfinished migration: run a2a-broker migrate');
    // What expires between two attempts must not move where the second goes on.
    clock.advance(60_000);
    const second = failingAfter(Infinity);
    expect(await migrate(second.store)).toMatchObject({ resumed: true });
    expect(first.written.size).toBeGreaterThan(100);
    expect([...second.written].filter((name) => first.written.has(name))).toEqual(['unfinished-copy state']);
    expect(await contentOf(target)).toEqual(await contentOf(source));
  });

  it('does not go on when the source has changed since', async () => {
    await expect(migrate(failingAfter(3).store)).rejects.toThrow('throttled for ever');
    await writeElsewhere(directory, { partition: 'new', sort: 'a', value: 1 });
    await expect(migrate()).rejects.toMatchObject({ code: 'other_copy' });
  });

  it('fails when the source is written to meanwhile, and then no broker starts', async () => {
    let commits = 0;
    const store = storeOver(target, {
      commit: async (writes) => {
        // Of a kind that no comparison looks at.
        if (++commits === 3)
          await writeElsewhere(directory, {
            partition: 'soon',
            sort: 'x',
            value: 1,
            expiresAt: clock.now() / 1000 + 9,
          });
        return target.commit(writes);
      },
    });
    await expect(migrate(store)).rejects.toMatchObject({
      code: 'in_use',
      message: 'the data directory was written to meanwhile',
    });
    await expect(refuseUnfinished(target)).rejects.toThrow('unfinished migration');
  });
});
