import type { Clock } from '../../kernel/clock.ts';
import { ConfigError } from '../../config/index.ts';
import type { Store } from '../port.ts';
import { createClient } from './client.ts';
import { openDynamoDbStore } from './index.ts';
import { noSuchTable, startProblem } from './start-problem.ts';
import { checkTable, glanceAtTable } from './table.ts';

export interface StartOptions {
  readonly clock: Clock;
  readonly table: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** Opens the store after a look at its table: what is wrong now would otherwise be wrong at every request. Throws `ConfigError`. */
export async function startDynamoDbStore({ clock, table, ...place }: StartOptions): Promise<Store> {
  const client = createClient(place);
  try {
    const facts = await glanceAtTable(client, table);
    if (facts === undefined) throw noSuchTable(table);
    const problem = checkTable(facts).find(({ severity }) => severity === 'error');
    // An update of a setting leaves the table usable.
    if (problem !== undefined && facts.status !== 'UPDATING')
      throw new ConfigError(`The DynamoDB table cannot be used: ${problem.message}.`);
  } catch (error) {
    client.destroy();
    throw startProblem(error, { table, endpoint: place.endpoint });
  }
  return openDynamoDbStore({ clock, client, table });
}
