import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/kernel/clock.ts';
import { openDynamoDbStore } from '../src/storage/dynamodb/index.ts';
import { openLmdbStore } from '../src/storage/lmdb/index.ts';
import { openMemoryStore } from '../src/storage/memory/index.ts';
import type { Key, Store, Write } from '../src/storage/port.ts';
import { newTable, testClient } from '../test/support/dynamodb-table.ts';
import { startDynoxide } from '../test/support/dynoxide-process.ts';
import { type Measure, measure, median, throughput } from './measure.ts';

const records = 2000;
const rounds = 3;
const value = { padding: 'x'.repeat(600) };

/**
 * The engines on the port's own operations, with records of 600 bytes, in turns. The limit is the embedded engine. DynamoDB is
 * the one in DYNAMODB_ENDPOINT, else a local emulator: then its figures are of the engine's own work and a local round trip.
 */
export async function store(): Promise<readonly Measure[]> {
  const engines = await openAll();
  try {
    for (const engine of engines.values()) await fill(engine.store);
    const measures: Measure[] = [];
    for (const [name, { count, concurrency, work }] of Object.entries(operations)) {
      const rates = new Map<string, number[]>();
      for (let round = 0; round < rounds + 1; round++)
        for (const [engine, { store: one }] of engines) {
          const items = Array.from({ length: count }, (_, n) => `${round}-${n}`);
          const rate = await throughput(items, concurrency, async (item) => {
            await work(one, item);
          });
          // The first round warms up.
          if (round > 0) rates.set(engine, [...(rates.get(engine) ?? []), rate]);
        }
      const limit = median(rates.get('lmdb') ?? []);
      for (const [engine, all] of rates)
        measures.push(measure(`store: ${name}, ${engine}`, median(all), '1/s', limit));
    }
    return measures;
  } finally {
    for (const engine of engines.values()) await engine.close();
  }
}

interface Operation {
  readonly count: number;
  readonly concurrency: number;
  /** `item` is another text each time, the same for every engine. */
  readonly work: (store: Store, item: string) => Promise<unknown>;
}

const operations: Readonly<Record<string, Operation>> = {
  get: { count: 1000, concurrency: 16, work: (one, item) => one.get(keyOf(numberOf(item))) },
  'getMany of 10': {
    count: 500,
    concurrency: 16,
    work: (one, item) =>
      one.getMany(Array.from({ length: 10 }, (_, n) => keyOf((numberOf(item) * 7 + n) % records))),
  },
  'list of 50': { count: 200, concurrency: 16, work: (one) => one.list('partition-3', { limit: 50 }) },
  'commit of 1': {
    count: 500,
    concurrency: 16,
    work: (one, item) => must(one, [{ op: 'put', partition: `one-${item}`, sort: 'record', value }]),
  },
  'commit of 10, conditional': {
    count: 200,
    concurrency: 16,
    work: (one, item) =>
      must(
        one,
        Array.from({ length: 10 }, (_, n) => ({
          op: 'putIfAbsent',
          partition: `ten-${item}`,
          sort: String(n),
          value,
        })),
      ),
  },
  'commit of 3, 64 writers at once': {
    count: 1000,
    concurrency: 64,
    work: (one, item) =>
      must(one, [
        { op: 'putIfAbsent', partition: `key-${item}`, sort: 'key', value: null },
        { op: 'put', partition: 'shared', sort: item, value },
        { op: 'check', partition: 'guard', sort: 'guard', version: null },
      ]),
  },
};

function keyOf(n: number): Key {
  return { partition: `partition-${n % 20}`, sort: String(n).padStart(6, '0') };
}

function numberOf(item: string): number {
  return Number(item.slice(item.indexOf('-') + 1)) % records;
}

async function must(one: Store, writes: readonly Write[]): Promise<void> {
  if (!(await one.commit(writes)).ok) throw new Error('a commit was refused');
}

async function fill(one: Store): Promise<void> {
  const writes = Array.from({ length: records }, (_, n): Write => ({ op: 'put', ...keyOf(n), value }));
  for (let start = 0; start < records; start += 100) await must(one, writes.slice(start, start + 100));
}

interface Opened {
  readonly store: Store;
  readonly close: () => Promise<void>;
}

async function openAll(): Promise<ReadonlyMap<string, Opened>> {
  const clock = systemClock;
  const memory = openMemoryStore({ clock });
  const directory = await mkdtemp(join(tmpdir(), 'broker-bench-store-'));
  const lmdb = openLmdbStore({ clock, directory });
  const opened = new Map<string, Opened>([
    ['memory', { store: memory, close: () => memory.close() }],
    [
      'lmdb',
      {
        store: lmdb,
        close: async () => {
          await lmdb.close();
          await rm(directory, { recursive: true, force: true });
        },
      },
    ],
  ]);
  const dynamodb = await openDynamoDb();
  if (dynamodb === undefined) console.error('There is no DynamoDB here: set DYNAMODB_ENDPOINT to one.');
  else opened.set('dynamodb', dynamodb);
  return opened;
}

async function openDynamoDb(): Promise<Opened | undefined> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  const own = given ? undefined : await startDynoxide();
  const endpoint = given || own?.endpoint;
  if (endpoint === undefined) return undefined;
  const { table, drop } = await newTable(endpoint);
  const one = openDynamoDbStore({ clock: systemClock, client: testClient(endpoint), table });
  return {
    store: one,
    close: async () => {
      await one.close();
      await drop();
      await own?.stop();
    },
  };
}
