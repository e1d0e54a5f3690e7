import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import type { Store, Write } from '../../src/storage/port.ts';
import { testClock } from '../support/clock.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { newTable, testClient, type TestTable } from '../support/dynamodb-table.ts';
import {
  cancelled,
  failure,
  type Fault,
  type FaultProxy,
  faults,
  startFaultProxy,
} from '../support/fault-proxy.ts';

const shortMs = 300;
const at = (sort: string, partition = 'p') => ({ partition, sort });

describe.skipIf(dynamoDbEndpoint === undefined)('the dynamodb engine, when DynamoDB fails', () => {
  const endpoint = dynamoDbEndpoint ?? '';
  const clock = testClock();
  let table: TestTable;
  let proxy: FaultProxy;
  /** Through the proxy. */
  let store: Store;
  /** Somebody else, undisturbed. */
  let other: Store;

  beforeAll(async () => {
    proxy = await startFaultProxy(endpoint);
  });
  afterAll(() => proxy.close());
  beforeEach(async () => {
    table = await newTable(endpoint);
    store = open(3000);
    other = openDynamoDbStore({ clock, client: testClient(endpoint), table: table.table });
    proxy.next();
  });
  afterEach(async () => {
    await Promise.all([store.close(), other.close()]);
    await table.drop();
  });

  function open(budgetMs: number, attemptMs = shortMs): Store {
    const client = testClient(proxy.endpoint);
    return openDynamoDbStore({ clock, client, table: table.table, retry: { budgetMs, attemptMs } });
  }
  async function put(sort: string, value: unknown): Promise<string> {
    const commit = await other.commit([{ op: 'put', ...at(sort), value }]);
    if (!commit.ok) throw new Error('an unconditional put failed');
    return commit.version;
  }
  const valueAt = async (sort: string) => (await other.get(at(sort)))?.value;

  const passing: readonly [string, Fault][] = [
    ['is throttled', faults.throttled],
    ['is throttled in another way', faults.throttledToo],
    ['fails inside', faults.serverError],
    ['is not available', faults.unavailable],
    ['breaks the connection', 'refuse'],
    ['does not answer', 'hang'],
  ];
  const lost: readonly [string, Fault][] = [
    ['breaks the connection after it is done', 'drop'],
    ['stops in the middle of the answer', 'stall'],
    ['answers a byte at a time', 'trickle'],
    ['answers what is no answer', 'garble'],
  ];

  describe.each([...passing, ...lost])('once, in that it %s', (_, fault) => {
    it('reads all the same', async () => {
      const version = await put('a', 1);
      const record = { ...at('a'), version, value: 1 };
      for (const read of [
        async () => store.get(at('a')),
        async () => (await store.getMany([at('b'), at('a')]))[1],
        async () => (await store.list('p')).items[0],
        async () => (await store.scan()).items[0],
      ]) {
        proxy.next(fault);
        expect(await read()).toEqual(record);
      }
      proxy.next(fault);
      expect(await store.commit([{ op: 'check', ...at('a'), version }])).toMatchObject({ ok: true });
      proxy.next(fault);
      expect(await store.commit([{ op: 'check', ...at('a'), version: null }])).toMatchObject({ ok: false });
    });

    it.each<[string, (version: string) => Write]>([
      ['putIfAbsent', () => ({ op: 'putIfAbsent', ...at('new'), value: 2 })],
      ['putIfVersion', (version) => ({ op: 'putIfVersion', ...at('old'), version, value: 2 })],
      ['put', () => ({ op: 'put', ...at('old'), value: 2 })],
    ])('writes %s once, and says so', async (__, write) => {
      const version = await put('old', 1);
      proxy.next(fault);
      const commit = await store.commit([write(version)]);
      const record = await other.get(write(version));
      expect(record?.value).toBe(2);
      expect(commit).toEqual({ ok: true, version: record?.version });
    });

    it('commits several writes once, and says so', async () => {
      const version = await put('old', 1);
      proxy.next(fault);
      const commit = await store.commit([
        { op: 'putIfAbsent', ...at('new'), value: 2 },
        { op: 'putIfVersion', ...at('old'), version, value: 2 },
        { op: 'check', ...at('none'), version: null },
      ]);
      expect(commit).toEqual({ ok: true, version: (await other.get(at('new')))?.version });
      expect(await valueAt('old')).toBe(2);
    });

    it('deletes', async () => {
      await put('old', 1);
      proxy.next(fault);
      expect((await store.commit([{ op: 'delete', ...at('old') }])).ok).toBe(true);
      expect(await valueAt('old')).toBeUndefined();
    });

    it('names a condition that did not hold before anybody wrote', async () => {
      await put('old', 1);
      proxy.next(fault);
      const commit = await settled(store.commit([{ op: 'putIfAbsent', ...at('old'), value: 2 }]));
      // Where the first try may have been done, nobody can tell whose write came first.
      const wasNotDone = typeof fault === 'object' && fault.status === 400;
      expect(commit).toEqual(wasNotDone ? { ok: false, failed: [0] } : 'unavailable');
      expect(await valueAt('old')).toBe(1);
      proxy.next(fault);
      expect(
        await store.commit([
          { op: 'put', ...at('new'), value: 2 },
          { op: 'putIfAbsent', ...at('old'), value: 2 },
        ]),
      ).toEqual({ ok: false, failed: [1] });
      expect(await valueAt('new')).toBeUndefined();
    });
  });

  describe('when the outcome of a try is not known', () => {
    it('does not report its own delete as a failed condition', async () => {
      const version = await put('old', 1);
      proxy.next('drop');
      expect(await settled(store.commit([{ op: 'delete', ...at('old'), version }]))).toBe('unavailable');
      expect(await valueAt('old')).toBeUndefined();
    });

    it('deletes what it finds unchanged', async () => {
      const version = await put('old', 1);
      proxy.next('refuse');
      expect((await store.commit([{ op: 'delete', ...at('old'), version }])).ok).toBe(true);
      expect(await valueAt('old')).toBeUndefined();
    });

    it.each<[string, Fault]>([
      ['after its own write', 'drop'],
      ['in place of its own write', 'refuse'],
    ])('does not say who was first when somebody else wrote %s', async (_, fault) => {
      const version = await put('old', 1);
      let tries = 0;
      proxy.decide(async ({ operation }) => {
        if (operation === 'PutItem' && ++tries === 1) return fault;
        if (tries === 1 && operation === 'GetItem') await put('old', 'theirs');
        return undefined;
      });
      const write = { op: 'putIfVersion' as const, ...at('old'), version, value: 'ours' };
      expect(await settled(store.commit([write]))).toBe('unavailable');
      expect(await valueAt('old')).toBe('theirs');
    });

    it('puts only over what it has seen, and looks again when that has changed', async () => {
      await put('old', 1);
      let puts = 0;
      proxy.decide(async ({ operation }) => {
        if (operation !== 'PutItem') return undefined;
        if (++puts === 1) return 'refuse';
        if (puts === 2) await put('old', 'theirs');
        return undefined;
      });
      expect((await store.commit([{ op: 'put', ...at('old'), value: 'ours' }])).ok).toBe(true);
      expect(puts).toBe(3);
      expect(await valueAt('old')).toBe('ours');
    });

    it('makes every further try of a transaction the same transaction', async () => {
      const before = proxy.seen.length;
      proxy.next('drop', 'hang', 'drop');
      const writes: Write[] = [
        { op: 'putIfAbsent', ...at('x'), value: 1 },
        { op: 'putIfAbsent', ...at('y'), value: 1 },
      ];
      expect((await store.commit(writes)).ok).toBe(true);
      const tokens = proxy.seen.slice(before).map(({ body }) => body['ClientRequestToken']);
      expect(tokens).toHaveLength(4);
      expect(new Set(tokens).size).toBe(1);
      // Another commit is another transaction.
      expect(await store.commit(writes)).toEqual({ ok: false, failed: [0, 1] });
    });
  });

  describe('when transactions are in conflict', () => {
    const writes: Write[] = [
      { op: 'putIfAbsent', ...at('there'), value: 2 },
      { op: 'put', ...at('x'), value: 2 },
      { op: 'putIfAbsent', ...at('there-too'), value: 2 },
    ];

    it('tries again', async () => {
      proxy.next(
        cancelled('None', 'TransactionConflict', 'None'),
        cancelled('ThrottlingError', 'None', 'None'),
      );
      expect((await store.commit(writes)).ok).toBe(true);
    });

    it('tries a single write again', async () => {
      proxy.next(failure('TransactionConflictException'));
      expect((await store.commit([{ op: 'putIfAbsent', ...at('x'), value: 2 }])).ok).toBe(true);
    });

    it('waits for a try of its own that is still under way', async () => {
      proxy.next('hang', failure('TransactionInProgressException'));
      expect((await store.commit(writes)).ok).toBe(true);
    });

    it('names every condition that did not hold, not only those that were seen at first', async () => {
      await put('there', 1);
      await put('there-too', 1);
      proxy.next(cancelled('ConditionalCheckFailed', 'None', 'TransactionConflict'));
      expect(await store.commit(writes)).toEqual({ ok: false, failed: [0, 2] });
    });

    it('names what it knows when the conflict outlasts the budget', async () => {
      const impatient = open(100);
      proxy.decide(() => cancelled('ConditionalCheckFailed', 'None', 'TransactionConflict'));
      expect(await impatient.commit(writes)).toEqual({ ok: false, failed: [0] });
      proxy.decide(() => cancelled('None', 'None', 'TransactionConflict'));
      expect(await settled(impatient.commit(writes))).toBe('unavailable');
      await impatient.close();
    });
  });

  describe('for longer than the budget', () => {
    it.each(passing)('in that it %s, is not available, within bounded time and tries', async (_, fault) => {
      const impatient = open(700);
      proxy.decide(() => fault);
      const before = proxy.seen.length;
      for (const work of [
        () => impatient.get(at('a')),
        () => impatient.getMany([at('a'), at('b')]),
        () => impatient.list('p'),
        () => impatient.commit([{ op: 'put', ...at('a'), value: 1 }]),
        () =>
          impatient.commit([
            { op: 'put', ...at('a'), value: 1 },
            { op: 'delete', ...at('b') },
          ]),
      ])
        expect(await settled<unknown>(work())).toBe('unavailable');
      const tries = proxy.seen.length - before;
      expect(tries).toBeGreaterThanOrEqual(10);
      expect(tries).toBeLessThan(200);
      await impatient.close();
    });

    it('reads a batch as far as it goes, again and again', async () => {
      const keys = Array.from({ length: 9 }, (_, n) => at(`k${n}`));
      await other.commit(keys.map((key, value) => ({ op: 'put', ...key, value })));
      proxy.decide(({ body }) => firstOfBatch(body, table.table, 2));
      expect((await store.getMany<number>(keys)).map((record) => record?.value)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8,
      ]);
      const impatient = open(100);
      proxy.decide(({ body }) => firstOfBatch(body, table.table, 0));
      expect(await settled(impatient.getMany(keys))).toBe('unavailable');
      await impatient.close();
    });
  });

  it('takes more at once than it has connections for, and no wait for one as a failure', async () => {
    proxy.decide(async () => {
      await new Promise((resolve) => setTimeout(resolve, 250));
      return undefined;
    });
    const patient = open(1, 1500);
    const before = proxy.seen.length;
    const reads = await Promise.all(Array.from({ length: 500 }, (_, n) => patient.get(at(`${n}`))));
    expect(reads).toEqual(Array.from({ length: 500 }));
    expect(proxy.seen.length - before).toBe(500);
    await patient.close();
  });

  it.each([
    'AccessDeniedException',
    'ExpiredTokenException',
    'UnrecognizedClientException',
    'ResourceNotFoundException',
  ])('does not try again what %s refuses', async (type) => {
    proxy.decide(() => failure(type));
    const before = proxy.seen.length;
    expect(await settled(store.get(at('a')))).toBe('unavailable');
    expect(proxy.seen.length - before).toBe(1);
  });

  it('takes what DynamoDB refuses as malformed for a defect of ours', async () => {
    proxy.decide(() => failure('ValidationException'));
    expect(await settled(store.get(at('a')))).toBe('Error');
  });

  it('refuses a commit of more than 4 MB before it sends anything', async () => {
    const before = proxy.seen.length;
    const writes = Array.from({ length: 12 }, (_, n): Write => ({
      op: 'put',
      ...at(`${n}`),
      value: 'x'.repeat(340_000),
    }));
    expect(await settled(store.commit(writes))).toBe('limit_exceeded');
    expect(proxy.seen.length).toBe(before);
  });

  it('tells nothing of what is in records when it fails', async () => {
    await put('a', 'a-secret-value');
    const Item = { value: { S: 'a-secret-value' } };
    const answers = [
      failure('InternalServerError', 500, { Item }),
      failure('ValidationException', 400, { message: 'what a-secret-value is', Item }),
      failure('TransactionCanceledException', 400, {
        CancellationReasons: [{ Code: 'ValidationError', Message: 'a-secret-value', Item }, { Code: 'None' }],
      }),
    ];
    proxy.decide(() => answers[proxy.seen.length % answers.length]);
    const impatient = open(50);
    const secret = { op: 'put' as const, value: 'a-secret-value' };
    for (const _ of answers) {
      const writes = [
        { ...secret, ...at('a') },
        { ...secret, ...at('b') },
      ];
      const error: unknown = await impatient.commit(writes).catch((problem: unknown) => problem);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('a-secret-value');
    }
    await impatient.close();
  });
});

/** The result, or how it failed. */
async function settled<T>(work: Promise<T>): Promise<T | string> {
  return work.catch((error: unknown) =>
    error instanceof Error && 'code' in error ? String(error.code) : (error as Error).name,
  );
}

/** An answer to BatchGetItem that has only so many of the items. */
function firstOfBatch(
  body: Readonly<Record<string, unknown>>,
  table: string,
  count: number,
): Fault | undefined {
  const requested = body['RequestItems'] as Record<string, { Keys: readonly { sk: { S: string } }[] }>;
  const keys = requested[table]?.Keys ?? [];
  return {
    status: 200,
    body: {
      Responses: {
        [table]: keys.slice(0, count).map((key) => ({
          ...key,
          version: { S: 'v' },
          value: { S: key.sk.S.slice(1) },
        })),
      },
      UnprocessedKeys: keys.length > count ? { [table]: { Keys: keys.slice(count) } } : {},
    },
  };
}
