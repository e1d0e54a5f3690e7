import {
  CreateTableCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from './item.ts';
import { checkTable, describeTable, glanceAtTable, isNamed, tableSchema, type TableFacts } from './table.ts';

export interface MakeTableOptions {
  readonly table: string;
  /** Deletion protection. `false` leaves it as it is. */
  readonly protect: boolean;
  /** Told before each step that may take time, in words for people. */
  readonly progress: (step: string) => void;
  /** Between two looks; default 1,000. */
  readonly pollMs?: number;
  /** How long the table may take to be usable; default 300,000. */
  readonly timeoutMs?: number;
}

export interface MadeTable {
  readonly made: boolean;
  /** What was switched on. */
  readonly changed: readonly string[];
  readonly facts: TableFacts;
}

/** The table is there and differs in what cannot be changed. */
export class TableMismatch extends Error {
  override readonly name = 'TableMismatch';
}

/** Safe to repeat and to interrupt: makes what is missing, leaves what is right. Throws {@link TableMismatch}, or what the SDK throws. */
export async function makeTable(client: DynamoDBClient, options: MakeTableOptions): Promise<MadeTable> {
  const { table, protect, progress } = options;
  const made = (await glanceAtTable(client, table)) === undefined;
  if (made) await createTable(client, options);
  else await untilActive(client, options);
  const before = await describeTable(client, table);
  if (before === undefined) throw new TableMismatch(`the table ${table} was deleted meanwhile`);
  refuseMismatch(before);

  const changed: string[] = [];
  if (before.ttl === null) {
    progress('switching on time to live');
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: table,
        TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
      }),
    );
    changed.push('time to live');
  }
  if (before.pointInTimeRecovery === false) {
    progress('switching on point-in-time recovery');
    await recoverable(client, options);
    changed.push('point-in-time recovery');
  }
  if (protect && !before.deletionProtection) {
    progress('switching on deletion protection');
    await client.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: true }));
    await untilActive(client, options);
    changed.push('deletion protection');
  }
  const facts = await describeTable(client, table);
  return { made, changed, facts: facts ?? before };
}

/** An empty table that can be used. */
export async function createTable(client: DynamoDBClient, options: MakeTableOptions): Promise<void> {
  const { table, protect, progress } = options;
  progress(`creating ${table}`);
  try {
    await client.send(
      new CreateTableCommand({ TableName: table, DeletionProtectionEnabled: protect, ...tableSchema }),
    );
  } catch (error) {
    // Somebody else began at the same moment.
    if (!isNamed(error, 'ResourceInUseException')) throw error;
  }
  await untilActive(client, options);
}

/** A table that is being updated can be used, but not updated again. */
async function untilActive(client: DynamoDBClient, options: MakeTableOptions): Promise<void> {
  await poll(options, async () => {
    const facts = await glanceAtTable(client, options.table);
    if (facts !== undefined) refuseMismatch({ ...facts, status: 'ACTIVE' });
    return facts?.status === 'ACTIVE';
  });
}

/** Backups of a new table are themselves still being switched on for a moment. */
async function recoverable(client: DynamoDBClient, options: MakeTableOptions): Promise<void> {
  await poll(options, async () => {
    try {
      await client.send(
        new UpdateContinuousBackupsCommand({
          TableName: options.table,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      );
      return true;
    } catch (error) {
      if (isNamed(error, 'ContinuousBackupsUnavailableException')) return false;
      throw error;
    }
  });
}

async function poll(
  { table, progress, pollMs = 1000, timeoutMs = 300_000 }: MakeTableOptions,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const start = performance.now();
  while (!(await isDone())) {
    const waitedMs = performance.now() - start;
    if (waitedMs > timeoutMs)
      throw new TableMismatch(`the table ${table} was not ready within ${Math.round(timeoutMs / 1000)} s`);
    progress(`waiting for ${table} (${Math.round(waitedMs / 1000)} s)`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function refuseMismatch(facts: Parameters<typeof checkTable>[0]): void {
  const problems = checkTable(facts).filter(({ severity }) => severity === 'error');
  if (problems.length > 0)
    throw new TableMismatch(
      `The table ${facts.table} is not one of this broker’s: ${problems.map(({ message }) => message).join('; ')}.`,
    );
}
