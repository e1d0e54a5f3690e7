import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { PreparedWrite } from '../limits.ts';
import { type CommitResult, type Key, StorageError } from '../port.ts';
import { type Condition, conditionOf, demandOf, holds, unchanged } from './condition.ts';
import { failureKind, LookAgain } from './failure.ts';
import { itemKey, type ItemState, stateOf, toItem } from './item.ts';
import type { AttemptOptions } from './retry.ts';
import type { TableAccess } from './table-access.ts';

/**
 * A commit of one write needs no transaction, which would cost twice as much. When the outcome of a try is not known, the item
 * is looked at before the next: it has our version, or it has not, and then the write is made only over what was seen. A
 * condition that holds no longer may have been broken by our own write and somebody else's after it: that is `unavailable`,
 * never a failed condition.
 */
export function commitOne(
  access: TableAccess,
  prepared: PreparedWrite,
  version: string,
): Promise<CommitResult> {
  const { write } = prepared;
  const demand = demandOf(write);
  const now = access.clock.now();
  const done = { ok: true, version } as const;
  const failed = { ok: false, failed: [0] } as const;
  let inDoubt = false;

  return access.retrying(async (options) => {
    let condition = conditionOf(demand, now);
    if (write.op === 'check' || inDoubt) {
      const seen = await look(access, write, options);
      if (write.op === 'check') return holds(demand, seen, now) ? done : failed;
      if (seen?.version === version) return done;
      if (!holds(demand, seen, now))
        throw new StorageError(
          'unavailable',
          'whether the write was made is not known; look before trying again',
        );
      condition ??= unchanged(seen);
    }
    try {
      await send(access, prepared, version, condition, options);
      return done;
    } catch (error) {
      const kind = failureKind(error);
      if (kind === 'uncertain') inDoubt = true;
      if (kind !== 'unmet') throw error;
      if (!inDoubt) return failed;
      throw new LookAgain();
    }
  });
}

async function send(
  { client, table }: TableAccess,
  { write, json }: PreparedWrite,
  version: string,
  condition: Condition | undefined,
  options: AttemptOptions,
): Promise<void> {
  if (write.op === 'delete')
    await client.send(
      new DeleteItemCommand({ TableName: table, Key: itemKey(write), ...condition }),
      options,
    );
  else if (write.op !== 'check')
    await client.send(
      new PutItemCommand({
        TableName: table,
        Item: toItem(write, version, json, write.expiresAt),
        ...condition,
      }),
      options,
    );
}

async function look(
  { client, table }: TableAccess,
  key: Key,
  options: AttemptOptions,
): Promise<ItemState | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: table, Key: itemKey(key), ConsistentRead: true }),
    options,
  );
  return Item === undefined ? undefined : stateOf(Item);
}
