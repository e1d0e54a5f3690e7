import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createClient } from '../../src/storage/dynamodb/client.ts';
import { createTable } from '../../src/storage/dynamodb/make-table.ts';

/** Of the environment when it has some; local endpoints take any. */
const credentials =
  process.env['AWS_ACCESS_KEY_ID'] === undefined
    ? { accessKeyId: 'local', secretAccessKey: 'local' }
    : undefined;

export const testRegion = process.env['AWS_REGION'] ?? 'us-east-1';

export function testClient(endpoint: string): DynamoDBClient {
  return createClient({ endpoint, region: testRegion, credentials });
}

export interface TestTable {
  readonly table: string;
  readonly drop: () => Promise<void>;
}

/** An empty table of its own. Without TTL: emulators sweep by the system's clock, tests expire by their own. */
export async function newTable(endpoint: string): Promise<TestTable> {
  const client = testClient(endpoint);
  const table = `broker-test-${randomUUID()}`;
  await createTable(client, { table, protect: false, progress: () => undefined, pollMs: 2 });
  return {
    table,
    drop: async () => {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
