import { type QueryCommandInput, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { decodeCursor, decodeScanCursor, encodeCursor, encodeScanCursor, pageSize } from '../limits.ts';
import type { Key, ListOptions, Page, ScanOptions, StoredRecord } from '../port.ts';
import { type Item, itemKey, keyIn, toRecord } from './item.ts';
import { isStrong } from './read.ts';
import type { AttemptOptions } from './retry.ts';
import type { TableAccess } from './table-access.ts';

/**
 * DynamoDB ends an answer after 1 MB, whatever was asked for. A page is filled from up to so many answers; then it may be
 * short, or even empty where all has expired.
 */
const maxRequestsPerPage = 16;

interface Answer {
  readonly items: readonly Item[];
  /** Where DynamoDB stopped; nothing when there is no more. */
  readonly last: Key | undefined;
}

export function listPage<T>(
  access: TableAccess,
  partition: string,
  options: ListOptions = {},
): Promise<Page<T>> {
  const prefix = options.sortPrefix ?? '';
  const start =
    options.cursor === undefined ? undefined : { partition, sort: decodeCursor(options.cursor, prefix) };
  const query: QueryCommandInput = {
    TableName: access.table,
    ConsistentRead: isStrong(options),
    ScanIndexForward: options.reverse !== true,
    KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
    ExpressionAttributeValues: {
      ':pk': { S: partition },
      ...(prefix === '' ? {} : { ':prefix': { S: prefix } }),
    },
  };
  return fillPage<T>(
    access,
    pageSize(options),
    start,
    ({ sort }) => encodeCursor(sort),
    (request, attempt) => access.client.send(new QueryCommand({ ...query, ...request }), attempt),
  );
}

/** In the order in which DynamoDB has spread the partitions, which does not change. */
export function scanPage<T>(access: TableAccess, options: ScanOptions = {}): Promise<Page<T>> {
  const start = options.cursor === undefined ? undefined : decodeScanCursor(options.cursor);
  return fillPage<T>(access, pageSize(options), start, encodeScanCursor, (request, attempt) =>
    access.client.send(
      new ScanCommand({ TableName: access.table, ConsistentRead: true, ...request }),
      attempt,
    ),
  );
}

interface PageRequest {
  readonly Limit: number;
  readonly ExclusiveStartKey?: Item;
}

type Ask = (
  request: PageRequest,
  attempt: AttemptOptions,
) => Promise<{
  readonly Items?: readonly Item[] | undefined;
  readonly LastEvaluatedKey?: Item | undefined;
}>;

async function fillPage<T>(
  access: TableAccess,
  limit: number,
  start: Key | undefined,
  cursorOf: (key: Key) => string,
  ask: Ask,
): Promise<Page<T>> {
  const items: StoredRecord<T>[] = [];
  let last = start;
  for (let request = 0; request < maxRequestsPerPage; request++) {
    // One more than fits tells whether there is a next page.
    const answer = await askFrom(access, ask, limit + 1 - items.length, last);
    const now = access.clock.now();
    for (const item of answer.items) {
      const record = toRecord<T>(item, now);
      if (record === undefined) continue;
      const full = items[limit - 1];
      if (full !== undefined) return { items, cursor: cursorOf(full) };
      items.push(record);
    }
    if (answer.last === undefined) return { items };
    last = answer.last;
  }
  return last === undefined ? { items } : { items, cursor: cursorOf(last) };
}

async function askFrom(
  access: TableAccess,
  ask: Ask,
  limit: number,
  after: Key | undefined,
): Promise<Answer> {
  const request = {
    Limit: limit,
    ...(after === undefined ? {} : { ExclusiveStartKey: itemKey(after) }),
  };
  const answer = await access.retrying((attempt) => ask(request, attempt));
  const { LastEvaluatedKey: last } = answer;
  return { items: answer.Items ?? [], last: last === undefined ? undefined : keyIn(last) };
}
