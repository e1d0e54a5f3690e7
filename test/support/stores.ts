import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/kernel/clock.ts';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { dynamoDbEndpoint } from './dynamodb.ts';
import { newTable, testClient } from './dynamodb-table.ts';

export interface TestEngine {
  readonly name: string;
  /** An empty store of its own; `dispose` closes it and removes what it left. */
  open(clock: Clock): Promise<{ readonly store: Store; readonly dispose: () => Promise<void> }>;
}

const memory: TestEngine = {
  name: 'memory',
  open: (clock) => {
    const store = openMemoryStore({ clock });
    return Promise.resolve({ store, dispose: () => store.close() });
  },
};

const lmdb: TestEngine = {
  name: 'lmdb',
  open: async (clock) => {
    const directory = await mkdtemp(join(tmpdir(), 'broker-store-'));
    const store = openLmdbStore({ clock, directory });
    return {
      store,
      dispose: async () => {
        await store.close();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
};

function dynamodb(endpoint: string): TestEngine {
  return {
    name: 'dynamodb',
    open: async (clock) => {
      const { table, drop } = await newTable(endpoint);
      // What is tested on every engine is what it does, not how fast a busy machine does it.
      const retry = { attemptMs: 20_000, budgetMs: 60_000 };
      const store = openDynamoDbStore({ clock, client: testClient(endpoint), table, retry });
      return {
        store,
        dispose: async () => {
          await store.close();
          await drop();
        },
      };
    },
  };
}

/** Every engine that repository and room tests run on: `describe.each(engines)('… on $name', …)`. */
export const engines: readonly TestEngine[] = [
  memory,
  lmdb,
  ...(dynamoDbEndpoint === undefined ? [] : [dynamodb(dynamoDbEndpoint)]),
];
