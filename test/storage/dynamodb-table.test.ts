import { randomUUID } from 'node:crypto';
import {
  CreateTableCommand,
  DeleteTableCommand,
  type DynamoDBClient,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTable, TableMismatch } from '../../src/storage/dynamodb/make-table.ts';
import { checkTable, describeTable, type TableFacts, tableSchema } from '../../src/storage/dynamodb/table.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { testClient } from '../support/dynamodb-table.ts';
import { failure, type FaultAnswer, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';

const good: TableFacts = {
  table: 'broker',
  status: 'ACTIVE',
  keys: ['pk HASH S', 'sk RANGE S'],
  onDemand: true,
  deletionProtection: true,
  ttl: 'expiresAt',
  pointInTimeRecovery: true,
};

describe('what is wrong with a table', () => {
  it('is nothing when it is as init makes it, or where an emulator knows less', () => {
    expect(checkTable(good)).toEqual([]);
    expect(checkTable({ ...good, pointInTimeRecovery: null })).toEqual([]);
  });

  it.each<[Partial<TableFacts>, 'error' | 'warning', RegExp]>([
    [{ keys: ['id HASH S'] }, 'error', /key of broker is \(id HASH S\).*has to be \(pk HASH S, sk RANGE S\)/],
    [{ keys: ['pk HASH S', 'sk RANGE N'] }, 'error', /sk RANGE N/],
    [{ status: 'CREATING' }, 'error', /CREATING/],
    [{ ttl: 'until' }, 'error', /time to live.*until.*expiresAt/],
    [{ ttl: null }, 'warning', /time to live is off/],
    [{ pointInTimeRecovery: false }, 'warning', /point-in-time recovery is off/],
    [{ deletionProtection: false }, 'warning', /deletion protection is off/],
    [{ onDemand: false }, 'warning', /provisioned/],
  ])('%j', (change, severity, message) => {
    expect(checkTable({ ...good, ...change })).toEqual([
      { severity, message: expect.stringMatching(message) as string },
    ]);
  });
});

describe.skipIf(dynamoDbEndpoint === undefined)('the table on dynamodb', () => {
  let client: DynamoDBClient;
  let proxy: FaultProxy;
  let table: string;
  let steps: string[];
  beforeEach(async () => {
    proxy = await startFaultProxy(dynamoDbEndpoint ?? '');
    client = testClient(proxy.endpoint);
    table = `broker-test-${randomUUID()}`;
    steps = [];
  });
  afterEach(async () => {
    proxy.next();
    await client
      .send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }))
      .catch(() => undefined);
    await client.send(new DeleteTableCommand({ TableName: table })).catch(() => undefined);
    client.destroy();
    await proxy.close();
  });

  const make = (protect = true, timeoutMs = 5000) =>
    makeTable(client, {
      table,
      protect,
      progress: (step) => void steps.push(step),
      pollMs: 1,
      timeoutMs,
    });
  const writes = () => proxy.seen.filter(({ operation }) => /^(?:Create|Update)/.test(operation)).length;

  it('is made with everything on, told step by step', async () => {
    const made = await make();
    expect(made).toMatchObject({ made: true, changed: expect.arrayContaining(['time to live']) as string[] });
    const { pointInTimeRecovery: _, ...facts } = made.facts;
    expect(facts).toEqual({ ...good, table, pointInTimeRecovery: undefined });
    expect(checkTable(made.facts)).toEqual([]);
    expect(steps).toEqual(
      expect.arrayContaining([`creating ${table}`, 'switching on time to live']) as string[],
    );
  });

  it('is left as it is when all is right', async () => {
    await make();
    const before = writes();
    expect(await make()).toMatchObject({ made: false, changed: [] });
    expect(writes()).toBe(before);
  });

  it('gets what it lacks, and no protection that was not asked for', async () => {
    await make(false);
    expect((await describeTable(client, table))?.deletionProtection).toBe(false);
    expect((await make(false)).changed).toEqual([]);
    expect((await make(true)).changed).toEqual(['deletion protection']);
    expect((await describeTable(client, table))?.deletionProtection).toBe(true);
  });

  it('is waited for, with progress, but not for ever', async () => {
    await make();
    const creating: FaultAnswer = {
      status: 200,
      body: { Table: { TableName: table, TableStatus: 'CREATING', ...tableSchema } },
    };
    proxy.next(undefined, creating, creating);
    expect((await make()).facts.status).toBe('ACTIVE');
    expect(steps).toContain(`waiting for ${table} (0 s)`);
    proxy.decide(({ operation }) => (operation === 'DescribeTable' ? creating : undefined));
    await expect(make(true, 20)).rejects.toThrow(/not ready within/);
  });

  it('gets point-in-time recovery as soon as its backups are ready', async () => {
    let asked = 0;
    let isOn = false;
    proxy.decide(({ operation }) => {
      if (operation === 'UpdateContinuousBackups') {
        isOn = ++asked === 3;
        return isOn ? { status: 200, body: {} } : failure('ContinuousBackupsUnavailableException');
      }
      if (operation !== 'DescribeContinuousBackups') return undefined;
      const PointInTimeRecoveryStatus = isOn ? 'ENABLED' : 'DISABLED';
      return {
        status: 200,
        body: {
          ContinuousBackupsDescription: {
            ContinuousBackupsStatus: 'ENABLED',
            PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus },
          },
        },
      };
    });
    const made = await make();
    expect(made.changed).toContain('point-in-time recovery');
    expect(made.facts.pointInTimeRecovery).toBe(true);
    expect(asked).toBe(3);
    expect((await make()).changed).toEqual([]);
  });

  it('is made once when two begin at the same moment', async () => {
    const both = await Promise.all([make(), make()]);
    for (const { facts } of both) expect(checkTable(facts)).toEqual([]);
  });

  it('of somebody else is refused and not touched', async () => {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      }),
    );
    const before = writes();
    await expect(make()).rejects.toThrow(TableMismatch);
    await expect(make()).rejects.toThrow(`the key of ${table} is (id HASH S)`);
    expect(writes()).toBe(before);
  });

  it('with its time to live on another attribute is refused and not touched', async () => {
    await client.send(new CreateTableCommand({ TableName: table, ...tableSchema }));
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: table,
        TimeToLiveSpecification: { AttributeName: 'until', Enabled: true },
      }),
    );
    const before = writes();
    await expect(make()).rejects.toThrow('is on until and has to be on expiresAt');
    expect(writes()).toBe(before);
  });
});
