import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createBroker } from '../../src/main.ts';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { openLmdbStoreForReading } from '../../src/storage/lmdb/read-only.ts';
import { freePort, startBroker } from '../support/broker-process.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { newTable, testClient, testRegion } from '../support/dynamodb-table.ts';
import { contentOf } from '../support/records.ts';
import { cli } from './run.ts';

let directory: string;
let data: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-cli-migrate-'));
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

describe.skipIf(dynamoDbEndpoint === undefined)('migrate, backup and restore with dynamodb', () => {
  const endpoint = dynamoDbEndpoint ?? '';
  let table: string;
  let drop: () => Promise<void>;
  beforeEach(async () => {
    ({ table, drop } = await newTable(endpoint));
    // The AWS SDK looks for credentials in the process's own environment.
    vi.stubEnv('AWS_ACCESS_KEY_ID', process.env['AWS_ACCESS_KEY_ID'] ?? 'local');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', process.env['AWS_SECRET_ACCESS_KEY'] ?? 'local');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await drop();
  });

  const onTable = () => ({
    env: {
      BROKER_DATA_DIR: data,
      DYNAMODB_TABLE: table,
      DYNAMODB_ENDPOINT: endpoint,
      AWS_REGION: testRegion,
    },
  });
  const asBroker = () => ({ env: { ...onTable().env, BROKER_STORE: 'dynamodb' } });

  async function contentOfTable() {
    const store = openDynamoDbStore({ clock: systemClock, client: testClient(endpoint), table });
    const content = await contentOf(store);
    await store.close();
    return content;
  }

  it('migrate copies the directory, and a broker with the same master key starts on the table', async () => {
    await brokerWasHere();
    const content = await contentIn(data);
    const migrate = await cli(['migrate', '--to', 'dynamodb', '--json'], onTable());
    expect(migrate).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(migrate.out)).toMatchObject({
      dataDir: data,
      table,
      records: content.length,
      resumed: false,
      verified: { count: content.length },
    });
    expect(await contentOfTable()).toEqual(content);
    const broker = await createBroker(
      loadConfig({
        ...asBroker().env,
        BROKER_MASTER_KEY: (await readFile(join(data, 'master.key'), 'utf8')).trim(),
        BROKER_OPERATOR_TOKEN: 'a-long-operator-token-of-32-chars',
        LOG_LEVEL: 'silent',
      }),
    );
    await broker.close();
    const again = await cli(['migrate', '--to', 'dynamodb'], onTable());
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toContain('The store is not empty.');
  });

  it('migrate refuses while a broker runs on the directory', async () => {
    const broker = await startBroker({ directory: data, port: await freePort() });
    const migrate = await cli(['migrate', '--to', 'dynamodb'], onTable());
    expect(migrate).toMatchObject({ code: 1, out: '' });
    expect(migrate.err).toContain(`Another process has the data directory open: ${broker.pid}.`);
    expect(await contentOfTable()).toEqual([]);
    await broker.stop();
    expect((await cli(['migrate', '--to', 'dynamodb'], onTable())).code).toBe(0);
  });

  it('migrate says that the table is missing', async () => {
    await brokerWasHere();
    const setting = { env: { ...onTable().env, DYNAMODB_TABLE: 'there-is-none' } };
    const migrate = await cli(['migrate', '--to', 'dynamodb'], setting);
    expect(migrate).toMatchObject({ code: 78 });
    expect(migrate.err).toContain('There is no DynamoDB table there-is-none here');
  });

  it('a backup of a table fills a directory', async () => {
    await brokerWasHere();
    await cli(['migrate', '--to', 'dynamodb'], onTable());
    expect(await cli(['backup', file], asBroker())).toMatchObject({ code: 0, err: '' });
    const other = join(directory, 'other');
    expect((await cli(['restore', file], { env: { BROKER_DATA_DIR: other } })).code).toBe(0);
    expect(await contentIn(other)).toEqual(await contentIn(data));
  });
});
