import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Of DynamoDB's own count (ReturnConsumedCapacity). */
export interface Units {
  readonly read: number;
  readonly write: number;
}

export interface Meter {
  /** What `work` consumed, divided by `times`; without what brokers do by themselves meanwhile. */
  per(times: number, work: () => Promise<unknown>): Promise<Units>;
  /** What brokers did by themselves while `work` ran: looking after the outbox and holding leases. */
  background(work: () => Promise<unknown>): Promise<Units>;
  /** The IAM actions that all requests so far needed. */
  readonly actions: ReadonlySet<string>;
}

interface Capacity {
  readonly CapacityUnits?: number;
}

const writing = new Set(['PutItem', 'DeleteItem', 'TransactWriteItems']);
const aboutTables = /^(?:Create|Update|Describe|Delete)(?:Table|TimeToLive|ContinuousBackups)$/;
/** As JSON has a partition key in a request. */
const backgroundKeys = /"S":"(?:outbox#|lease#|signing-keys")/;

/** Counts on every request of the client from now on. */
export function meterClient(client: DynamoDBClient): Meter {
  const totals = { asked: { read: 0, write: 0 }, background: { read: 0, write: 0 } };
  const actions = new Set<string>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context['commandName']).replace(/Command$/, '');
      for (const action of actionsOf(operation, args.input)) actions.add(`dynamodb:${action}`);
      if (aboutTables.test(operation)) return next(args);
      const answer = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
      const { ConsumedCapacity: used } = answer.output as {
        ConsumedCapacity?: Capacity | readonly Capacity[];
      };
      const units = [used ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
      const total = backgroundKeys.test(JSON.stringify(args.input)) ? totals.background : totals.asked;
      total[writing.has(operation) ? 'write' : 'read'] += units;
      return answer;
    },
    { step: 'initialize', name: 'meter' },
  );

  async function consumed(kind: keyof typeof totals, times: number, work: () => Promise<unknown>) {
    const before = { ...totals[kind] };
    await work();
    const after = totals[kind];
    return { read: (after.read - before.read) / times, write: (after.write - before.write) / times };
  }

  return {
    actions,
    per: (times, work) => consumed('asked', times, work),
    background: (work) => consumed('background', 1, work),
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
