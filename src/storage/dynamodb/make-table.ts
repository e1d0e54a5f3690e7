import {
  CreateTableCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { failureKind } from './failure.ts';
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
  /** How long all may take; default 300,000. */
  readonly timeoutMs?: number;
}

export interface MadeTable {
  readonly made: boolean;
  /** What was switched on. */
  readonly changed: readonly string[];
  readonly facts: TableFacts;
}

/** The table is there and differs in what cannot be changed, or does not become ready. */
export class TableMismatch extends Error {
  override readonly name = 'TableMismatch';
}

/** One step towards the table as it should be. Answers what is waited for, or `undefined` when it is done. */
type Step = () => Promise<string | undefined>;

/** Safe to repeat and to interrupt: makes what is missing, leaves what is right. Throws {@link TableMismatch}, or what the SDK throws. */
export async function makeTable(client: DynamoDBClient, options: MakeTableOptions): Promise<MadeTable> {
  const { table } = options;
  const made = (await glanceAtTable(client, table)) === undefined;
  await createTable(client, options);
  const changed = new Set<string>();
  let facts: TableFacts | undefined;
  await untilDone(options, async () => {
    facts = await describeTable(client, table);
    if (facts === undefined) throw new TableMismatch(`the table ${table} was deleted meanwhile`);
    refuseMismatch({ ...facts, status: 'ACTIVE' });
    // A table that is being updated can be used, but not updated again.
    if (facts.status !== 'ACTIVE') return table;
    const switched = await switchOn(client, facts, options);
    if (switched !== undefined) changed.add(switched);
    return switched;
  });
  if (facts === undefined) throw new TableMismatch(`the table ${table} was never seen`);
  return { made, changed: [...changed], facts };
}

/** An empty table that can be used, unless there is one already. */
export async function createTable(client: DynamoDBClient, options: MakeTableOptions): Promise<void> {
  const { table, protect, progress } = options;
  await untilDone(options, async () => {
    const facts = await glanceAtTable(client, table);
    if (facts?.status === 'ACTIVE' || facts?.status === 'UPDATING') return undefined;
    if (facts !== undefined) return table;
    progress(`creating ${table}`);
    await client.send(
      new CreateTableCommand({ TableName: table, DeletionProtectionEnabled: protect, ...tableSchema }),
    );
    return table;
  });
}

/** Switches on one thing that is off, and names it. */
async function switchOn(
  client: DynamoDBClient,
  facts: TableFacts,
  { table, protect, progress }: MakeTableOptions,
): Promise<string | undefined> {
  const begin = (what: string): string => {
    progress(`switching on ${what}`);
    return what;
  };
  if (facts.ttl === null) {
    const what = begin('time to live');
    const TimeToLiveSpecification = { AttributeName: ttlAttribute, Enabled: true };
    await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
    return what;
  }
  if (facts.pointInTimeRecovery === false) {
    const what = begin('point-in-time recovery');
    const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
    await client.send(
      new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification }),
    );
    return what;
  }
  if (protect && !facts.deletionProtection) {
    const what = begin('deletion protection');
    await client.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: true }));
    return what;
  }
  return undefined;
}

/** Each step looks before it acts, so that one whose outcome is not known can be taken again. */
async function untilDone(options: MakeTableOptions, step: Step): Promise<void> {
  const { table, progress, pollMs = 1000, timeoutMs = 300_000 } = options;
  const start = performance.now();
  for (;;) {
    const waitingFor = await taken(table, step);
    if (waitingFor === undefined) return;
    const seconds = Math.round((performance.now() - start) / 1000);
    if (performance.now() - start > timeoutMs)
      throw new TableMismatch(`The table ${table} was not ready within ${Math.round(timeoutMs / 1000)} s.`);
    progress(`waiting for ${waitingFor} (${seconds} s)`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/**
 * Passing: somebody else is changing the table, the account has as many changes under way as it may, backups of a new table are
 * themselves still being switched on, or the service is busy.
 */
const passing = [
  'ResourceInUseException',
  'LimitExceededException',
  'ContinuousBackupsUnavailableException',
  'InternalServerError',
];

async function taken(table: string, step: Step): Promise<string | undefined> {
  try {
    return await step();
  } catch (error) {
    const isPassing = passing.some((name) => isNamed(error, name));
    // An endpoint that does not answer at all is told at once.
    if (isPassing || (failureKind(error) === 'again' && isAnswered(error))) return table;
    throw error;
  }
}

function isAnswered(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error && !('code' in error);
}

function refuseMismatch(facts: Parameters<typeof checkTable>[0]): void {
  const problems = checkTable(facts).filter(({ severity }) => severity === 'error');
  if (problems.length > 0)
    throw new TableMismatch(
      `The table ${facts.table} is not one of this broker’s: ${problems.map(({ message }) => message).join('; ')}.`,
    );
}
