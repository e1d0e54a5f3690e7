import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, type DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { makeTable } from '../../src/storage/dynamodb/make-table.ts';
import { checkTable, describeTable, glanceAtTable } from '../../src/storage/dynamodb/table.ts';
import type { Store, Write } from '../../src/storage/port.ts';
import { testClock } from '../support/clock.ts';
import { documentedActions } from '../support/cost-limits.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { meterClient } from '../support/dynamodb-meter.ts';
import { testClient } from '../support/dynamodb-table.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';

describe.skipIf(dynamoDbEndpoint === undefined)('the permissions that are documented for dynamodb', () => {
  let proxy: FaultProxy;
  let client: DynamoDBClient;
  let actions: ReadonlySet<string>;
  let table: string;
  let setUp: DynamoDBClient;

  beforeEach(async () => {
    proxy = await startFaultProxy(dynamoDbEndpoint ?? '');
    table = `broker-test-${randomUUID()}`;
    setUp = testClient(proxy.endpoint);
    client = testClient(proxy.endpoint);
    ({ actions } = meterClient(client));
  });
  afterEach(async () => {
    proxy.next();
    await setUp.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }));
    await setUp.send(new DeleteTableCommand({ TableName: table }));
    setUp.destroy();
    client.destroy();
    await proxy.close();
  });

  const make = (by: DynamoDBClient, protect: boolean) =>
    makeTable(by, { table, protect, progress: () => undefined, pollMs: 2 });

  /** Emulators know nothing of backups; AWS does. */
  function knowBackups(): void {
    let status = 'DISABLED';
    proxy.decide(({ operation }) => {
      if (operation === 'UpdateContinuousBackups') status = 'ENABLED';
      if (!operation.endsWith('ContinuousBackups')) return undefined;
      const PointInTimeRecoveryDescription = { PointInTimeRecoveryStatus: status };
      return { status: 200, body: { ContinuousBackupsDescription: { PointInTimeRecoveryDescription } } };
    });
  }

  async function everyOperation(store: Store): Promise<void> {
    const at = (sort: string) => ({ partition: 'p', sort });
    const singles: Write[] = [
      { op: 'put', ...at('a'), value: 1 },
      { op: 'check', ...at('b'), version: null },
      { op: 'delete', ...at('a') },
    ];
    for (const write of singles) await store.commit([write]);
    await store.commit([
      { op: 'putIfAbsent', ...at('x'), value: 1 },
      { op: 'check', ...at('y'), version: null },
      { op: 'delete', ...at('z') },
    ]);
    await store.get(at('x'));
    await store.getMany([at('x'), at('y')]);
    await store.list('p');
  }

  it('are those of a broker that runs', async () => {
    await make(setUp, false);
    // As a start does.
    await glanceAtTable(client, table);
    await everyOperation(openDynamoDbStore({ clock: testClock(), client, table }));
    expect([...actions].toSorted()).toEqual(await documentedActions('Run'));
  });

  it('are those of doctor', async () => {
    await make(setUp, false);
    knowBackups();
    const facts = await describeTable(client, table);
    expect(facts && checkTable(facts)).toHaveLength(2);
    const store = openDynamoDbStore({ clock: testClock(), client, table });
    await store.get({ partition: 'p', sort: 'a' });
    await store.getMany(['a', 'b'].map((sort) => ({ partition: 'p', sort })));
    await store.list('p');
    expect([...actions].toSorted()).toEqual(await documentedActions('Look'));
  });

  it('are those of a backup', async () => {
    await make(setUp, false);
    await openDynamoDbStore({ clock: testClock(), client, table }).scan();
    expect([...actions]).toEqual(await documentedActions('BackUp'));
  });

  it('are those of init, whatever it finds', async () => {
    knowBackups();
    await make(client, false);
    await make(client, true);
    expect([...actions].toSorted()).toEqual(await documentedActions('Init'));
  });
});
