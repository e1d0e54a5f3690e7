import { BatchGetItemCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { Key, ReadOptions, StoredRecord } from '../port.ts';
import { LookAgain } from './failure.ts';
import { type Item, itemKey, itemName, toRecord } from './item.ts';
import type { AttemptOptions } from './retry.ts';
import type { TableAccess } from './table-access.ts';

export function isStrong(options: ReadOptions | undefined): boolean {
  return options?.consistency !== 'eventual';
}

export async function readOne<T>(
  access: TableAccess,
  key: Key,
  options: ReadOptions | undefined,
): Promise<StoredRecord<T> | undefined> {
  const { Item } = await access.retrying((attempt) =>
    access.client.send(
      new GetItemCommand({
        TableName: access.table,
        Key: itemKey(key),
        ConsistentRead: isStrong(options),
      }),
      attempt,
    ),
  );
  return Item === undefined ? undefined : toRecord<T>(Item, access.clock.now());
}

/** DynamoDB wants each key once, answers in an order of its own, and may leave some for a next request. */
export async function readMany<T>(
  access: TableAccess,
  keys: readonly Key[],
  options: ReadOptions | undefined,
): Promise<readonly (StoredRecord<T> | undefined)[]> {
  const wanted = new Map(keys.map((key) => [itemName(itemKey(key)), itemKey(key)]));
  const found = new Map<string, Item>();
  let missing = [...wanted.values()];
  while (missing.length > 0) {
    const before = missing.length;
    // Some progress: go on at once. None at all: that is throttling, to be answered with patience.
    missing = await access.retrying(async (attempt) => {
      const rest = await readBatch(access, missing, isStrong(options), found, attempt);
      if (rest.length === before) throw new LookAgain('no item of a batch was read');
      return rest;
    });
  }
  const now = access.clock.now();
  return keys.map((key) => {
    const item = found.get(itemName(itemKey(key)));
    return item === undefined ? undefined : toRecord<T>(item, now);
  });
}

/** Answers the keys that are still to be read. */
async function readBatch(
  { client, table }: TableAccess,
  keys: readonly Item[],
  strong: boolean,
  found: Map<string, Item>,
  attempt: AttemptOptions,
): Promise<Item[]> {
  const answer = await client.send(
    new BatchGetItemCommand({
      RequestItems: { [table]: { ConsistentRead: strong, Keys: [...keys] } },
    }),
    attempt,
  );
  for (const item of answer.Responses?.[table] ?? []) found.set(itemName(item), item);
  const rest = new Set((answer.UnprocessedKeys?.[table]?.Keys ?? []).map(itemName));
  return keys.filter((key) => rest.has(itemName(key)));
}
