import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from './item.ts';

/** The table's key: see docs/dynamodb.md. Capacity is on demand, so that nobody has to guess it. */
export const tableSchema = {
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' as const },
    { AttributeName: 'sk', KeyType: 'RANGE' as const },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' as const },
    { AttributeName: 'sk', AttributeType: 'S' as const },
  ],
  BillingMode: 'PAY_PER_REQUEST' as const,
};

/** What a table is like, as far as the broker minds. */
export interface TableFacts {
  readonly table: string;
  /** `ACTIVE` when it can be used. */
  readonly status: string;
  /** Such as `pk HASH S`, in order. */
  readonly keys: readonly string[];
  readonly onDemand: boolean;
  readonly deletionProtection: boolean;
  /** The attribute by which expired items are removed; `null`: they are not. */
  readonly ttl: string | null;
  /** `null` where the endpoint does not know of it, as local emulators. */
  readonly pointInTimeRecovery: boolean | null;
}

/** `error`: the broker cannot work with the table. `warning`: it can, and yet somebody should look. */
export interface TableFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** `undefined`: there is no such table. Throws what the SDK throws: see `start-problem.ts`. */
export async function describeTable(client: DynamoDBClient, table: string): Promise<TableFacts | undefined> {
  const description = await findTable(client, table);
  if (description === undefined) return undefined;
  const [ttl, pointInTimeRecovery] = await Promise.all([
    ttlOf(client, table),
    pointInTimeRecoveryOf(client, table),
  ]);
  return { ...factsOf(table, description), ttl, pointInTimeRecovery };
}

/** What one look tells: all that has to be right before a start. */
export type BasicFacts = Pick<TableFacts, 'table' | 'status' | 'keys' | 'onDemand' | 'deletionProtection'>;

export async function glanceAtTable(client: DynamoDBClient, table: string): Promise<BasicFacts | undefined> {
  const description = await findTable(client, table);
  return description && factsOf(table, description);
}

/** Pure. Nothing found: all is as `a2a-broker init` makes it. */
export function checkTable(facts: BasicFacts & Partial<TableFacts>): readonly TableFinding[] {
  const findings: TableFinding[] = [];
  const add = (severity: TableFinding['severity'], message: string) => findings.push({ severity, message });
  const { table, keys } = facts;
  const wanted = keysOf(tableSchema);
  if (keys.join(', ') !== wanted.join(', '))
    add('error', `the key of ${table} is (${keys.join(', ')}) and has to be (${wanted.join(', ')})`);
  if (facts.status !== 'ACTIVE') add('error', `${table} is ${facts.status}, not ACTIVE`);
  if (facts.ttl === null)
    add('warning', `time to live is off: expired records are never removed from ${table}`);
  else if (facts.ttl !== undefined && facts.ttl !== ttlAttribute)
    add('error', `time to live of ${table} is on ${facts.ttl} and has to be on ${ttlAttribute}`);
  if (facts.pointInTimeRecovery === false)
    add('warning', `point-in-time recovery is off: what is deleted from ${table} by mistake is gone`);
  if (!facts.deletionProtection) add('warning', `deletion protection is off: one call can delete ${table}`);
  if (!facts.onDemand)
    add('warning', `the capacity of ${table} is provisioned: what is beyond it is answered with 503`);
  return findings;
}

async function findTable(client: DynamoDBClient, table: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: table }))).Table;
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined;
    throw error;
  }
}

function factsOf(table: string, description: TableDescription): BasicFacts {
  return {
    table,
    status: description.TableStatus ?? 'unknown',
    keys: keysOf(description),
    onDemand: description.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST',
    deletionProtection: description.DeletionProtectionEnabled === true,
  };
}

function keysOf({
  KeySchema = [],
  AttributeDefinitions = [],
}: Pick<TableDescription, 'KeySchema' | 'AttributeDefinitions'>): readonly string[] {
  return KeySchema.map(({ AttributeName: name, KeyType }) => {
    const definition = AttributeDefinitions.find(({ AttributeName }) => AttributeName === name);
    return `${name} ${KeyType} ${definition?.AttributeType}`;
  });
}

async function ttlOf(client: DynamoDBClient, table: string): Promise<string | null> {
  const answer = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
  const { TimeToLiveStatus: status, AttributeName } = answer.TimeToLiveDescription ?? {};
  return status === 'ENABLED' || status === 'ENABLING' ? (AttributeName ?? null) : null;
}

async function pointInTimeRecoveryOf(client: DynamoDBClient, table: string): Promise<boolean | null> {
  try {
    const answer = await client.send(new DescribeContinuousBackupsCommand({ TableName: table }));
    const recovery = answer.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    return recovery?.PointInTimeRecoveryStatus === 'ENABLED';
  } catch (error) {
    if (isNamed(error, 'UnknownOperationException')) return null;
    throw error;
  }
}

export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
