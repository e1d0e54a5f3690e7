import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Of DynamoDB's own count (ReturnConsumedCapacity). */
export interface Units {
  readonly read: number;
  readonly write: number;
}

export interface Meter {
  /** What `work` consumed, for each of `times`. Nothing else may run meanwhile. */
  per(times: number, work: () => Promise<unknown>): Promise<Units>;
  /** The IAM actions that all requests so far needed. */
  readonly actions: ReadonlySet<string>;
}

interface Capacity {
  readonly CapacityUnits?: number;
}

const writing = new Set(['PutItem', 'DeleteItem', 'TransactWriteItems']);
const about = /^(?:Create|Update|Describe|Delete)(?:Table|TimeToLive|ContinuousBackups)$/;

/** Counts on every request of the client from now on. */
export function meterClient(client: DynamoDBClient): Meter {
  const total = { read: 0, write: 0 };
  const actions = new Set<string>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context.commandName).replace(/Command$/, '');
      for (const action of actionsOf(operation, args.input)) actions.add(`dynamodb:${action}`);
      if (about.test(operation)) return next(args);
      const answer = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
      const { ConsumedCapacity: used } = answer.output as {
        ConsumedCapacity?: Capacity | readonly Capacity[];
      };
      const units = [used ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
      total[writing.has(operation) ? 'write' : 'read'] += units;
      return answer;
    },
    { step: 'initialize', name: 'meter' },
  );
  return {
    actions,
    async per(times, work) {
      const before = { ...total };
      await work();
      return { read: (total.read - before.read) / times, write: (total.write - before.write) / times };
    },
  };
}

/** A transaction needs the permissions of what is in it. */
function actionsOf(operation: string, input: object): readonly string[] {
  if (operation !== 'TransactWriteItems') return [operation];
  const { TransactItems } = input as { readonly TransactItems: readonly object[] };
  const names = { Put: 'PutItem', Delete: 'DeleteItem', ConditionCheck: 'ConditionCheckItem' };
  return Object.entries(names).flatMap(([kind, action]) =>
    TransactItems.some((item) => kind in item) ? [action] : [],
  );
}
