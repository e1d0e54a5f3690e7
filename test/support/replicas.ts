import { tmpdir } from 'node:os';
import { type BrokerProcess, freePort, operatorToken, startBroker } from './broker-process.ts';
import { dynamoDbEndpoint } from './dynamodb.ts';
import { newTable, testRegion } from './dynamodb-table.ts';
import type { Operator } from './market.ts';

/** The address of the load balancer, and the issuer of all tokens. Tests reach each replica at a port of its own. */
const issuer = 'http://localhost:8080';

/** Several brokers as their users start them, on one table. */
export interface Replicas {
  /** On a free port, unless it takes the place of one that was stopped. */
  start(port?: number): Promise<BrokerProcess>;
  /** The operator, at this replica. */
  operatorAt(replica: BrokerProcess): Operator;
  dispose(): Promise<void>;
}

export async function newReplicas(): Promise<Replicas> {
  const { table, drop } = await newTable(dynamoDbEndpoint ?? '');
  const started: BrokerProcess[] = [];
  const env = {
    BROKER_URL: issuer,
    BROKER_STORE: 'dynamodb',
    BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    DYNAMODB_TABLE: table,
    DYNAMODB_ENDPOINT: dynamoDbEndpoint ?? '',
    AWS_REGION: testRegion,
    AWS_ACCESS_KEY_ID: process.env['AWS_ACCESS_KEY_ID'] ?? 'local',
    AWS_SECRET_ACCESS_KEY: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return {
    async start(port) {
      const replica = await startBroker({ directory: tmpdir(), port: port ?? (await freePort()), env });
      started.push(replica);
      return replica;
    },
    operatorAt: ({ url }) => ({ url, token: operatorToken, issuer }),
    async dispose() {
      await Promise.all(started.map((replica) => replica.kill()));
      await drop();
    },
  };
}
