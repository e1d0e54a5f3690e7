import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../kernel/clock.ts';
import { checkKey, checkKeys, prepareCommit } from '../limits.ts';
import { listWith } from '../merged-list.ts';
import {
  type CommitResult,
  type Key,
  type ListOptions,
  type Page,
  type ReadOptions,
  type ScanOptions,
  StorageError,
  type Store,
  type Write,
} from '../port.ts';
import { commitMany } from './commit-many.ts';
import { commitOne } from './commit-one.ts';
import { listPage, scanPage } from './pages.ts';
import { readMany, readOne } from './read.ts';
import { createRetrying, type RetryPolicy } from './retry.ts';
import type { TableAccess } from './table-access.ts';

export interface DynamoDbOptions {
  readonly clock: Clock;
  /** Ended with the store. See client.ts. */
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly retry?: RetryPolicy;
}

/** The engine for several machines: see docs/dynamodb.md. Any number of processes share one table. */
export function openDynamoDbStore(options: DynamoDbOptions): Store {
  const { client, table, clock } = options;
  const access: TableAccess = { client, table, clock, retrying: createRetrying(options.retry) };
  // Unique across restarts and processes without reading anything: a fresh prefix for each opening, then a count.
  const opening = randomBytes(9).toString('base64url');
  let commits = 0;
  let open = true;

  function assertOpen(): void {
    if (!open) throw new StorageError('closed', 'the store is closed');
  }

  return {
    capabilities: { engine: 'dynamodb', shared: true },

    async get<T>(key: Key, readOptions?: ReadOptions) {
      assertOpen();
      checkKey(key);
      return readOne<T>(access, key, readOptions);
    },

    async getMany<T>(keys: readonly Key[], readOptions?: ReadOptions) {
      assertOpen();
      checkKeys(keys);
      const [first] = keys;
      return keys.length === 1 && first !== undefined
        ? [await readOne<T>(access, first, readOptions)]
        : readMany<T>(access, keys, readOptions);
    },

    list: listWith(async <T>(partition: string, listOptions: ListOptions) => {
      assertOpen();
      return listPage<T>(access, partition, listOptions);
    }),

    async scan<T>(scanOptions?: ScanOptions): Promise<Page<T>> {
      assertOpen();
      return scanPage<T>(access, scanOptions);
    },

    async commit(writes: readonly Write[]): Promise<CommitResult> {
      assertOpen();
      const prepared = prepareCommit(writes);
      const version = `${opening}.${(++commits).toString(36)}`;
      const [first] = prepared;
      return prepared.length === 1 && first !== undefined
        ? commitOne(access, first, version)
        : commitMany(access, prepared, version);
    },

    async close() {
      open = false;
      client.destroy();
    },
  };
}
