import { type Config, ConfigError } from '../../config/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { StorageError } from '../../storage/port.ts';
import { storeFailure } from '../start-failure.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';
import { examineContents, type StoreFindings } from './store-contents.ts';

/** Looks at the table and into it. Writes nothing. */
export async function examineDynamoDbStore(config: Config, clock: Clock): Promise<StoreFindings> {
  // Only whoever uses it pays for loading the AWS SDK.
  const [{ createClient }, { openDynamoDbStore }, { checkTable, describeTable }, { startProblem }] =
    await Promise.all([
      import('../../storage/dynamodb/client.ts'),
      import('../../storage/dynamodb/index.ts'),
      import('../../storage/dynamodb/table.ts'),
      import('../../storage/dynamodb/start-problem.ts'),
    ]);
  const table = config.DYNAMODB_TABLE ?? '';
  const place = { region: config.AWS_REGION, endpoint: config.DYNAMODB_ENDPOINT };
  const client = createClient(place);
  const store = openDynamoDbStore({ clock, client, table });
  try {
    const facts = await describeTable(client, table);
    if (facts === undefined) return found(missing(table));
    const checks = checkTable(facts).map(({ severity, message }) =>
      severity === 'error' ? fail('store', message, otherTable) : warn('store', message, switchOn),
    );
    if (checks.some(({ status }) => status === 'fail')) return found(...checks);
    return found(
      ok('store', `the DynamoDB table ${table} is ${facts.status}`),
      ...checks,
      ...(await examineContents(config, store, clock)),
    );
  } catch (error) {
    return found(unusable(startProblem(error, { table, endpoint: place.endpoint }), config));
  } finally {
    await store.close();
  }
}

const otherTable = 'Set DYNAMODB_TABLE to a table that a2a-broker init has made.';
const switchOn = 'a2a-broker init switches on what is missing; docs/dynamodb.md says what each is for.';

/** On a shared store the operator's token is always the environment's. */
function found(...checks: readonly Check[]): StoreFindings {
  return { checks, wasOperatorTokenMade: false };
}

function missing(table: string): Check {
  return fail('store', `there is no DynamoDB table ${table} here`, 'Make it: a2a-broker init');
}

function unusable(problem: unknown, config: Config): Check {
  if (problem instanceof ConfigError) return fail('store', problem.message);
  if (problem instanceof StorageError) return failOf('store', storeFailure(problem, config));
  throw problem;
}
