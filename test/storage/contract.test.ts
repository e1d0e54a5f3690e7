import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  maxKeysPerRead,
  maxSortBytes,
  maxValueBytes,
  maxWritesPerCommit,
  type Store,
  type Write,
} from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

const at = (sort: string, partition = 'p') => ({ partition, sort });
const big = (bytes: number) => 'x'.repeat(bytes);

describe.each(engines)('storage port on $name', (engine) => {
  let clock: TestClock;
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    clock = testClock();
    ({ store, dispose } = await engine.open(clock));
  });
  afterEach(() => dispose());

  async function put(sort: string, value: unknown = {}, expiresAt?: number): Promise<string> {
    const commit = await store.commit([
      { op: 'put', ...at(sort), value, ...(expiresAt === undefined ? {} : { expiresAt }) },
    ]);
    if (!commit.ok) throw new Error('an unconditional put failed');
    return commit.version;
  }
  const sorts = async (options?: Parameters<Store['list']>[1]) =>
    (await store.list('p', options)).items.map(({ sort }) => sort);
  const nowSeconds = () => clock.now() / 1000;

  describe('get and getMany', () => {
    it('reads as many and as large records as it takes, at either consistency', async () => {
      const keys = Array.from({ length: maxKeysPerRead }, (_, n) => at(`${n}`, `p${n % 3}`));
      for (let start = 0; start < keys.length; start += 10)
        await store.commit(
          keys.slice(start, start + 10).map((key) => ({ op: 'put', ...key, value: big(200_000) })),
        );
      for (const consistency of ['strong', 'eventual'] as const) {
        const found = await store.getMany<string>(keys, { consistency });
        expect(found.map((record) => record?.value.length)).toEqual(keys.map(() => 200_000));
        expect((await store.get<string>(at('0', 'p0'), { consistency }))?.value).toHaveLength(200_000);
        expect((await store.list('p0', { consistency, limit: 1 })).items).toHaveLength(1);
      }
    });

    it('gives back a copy of what was put, as JSON has it', async () => {
      const value = { n: 1.5, s: 'é😀\u0000', list: [null, true], gone: undefined };
      const version = await put('a', value);
      value.n = 2;
      const record = await store.get(at('a'));
      expect(record).toStrictEqual({
        ...at('a'),
        version,
        value: { n: 1.5, s: 'é😀\u0000', list: [null, true] },
      });
      const copy = record?.value as { n: number };
      copy.n = 3;
      expect((await store.get<{ n: number }>(at('a')))?.value.n).toBe(1.5);
    });

    it('answers in the order asked, with gaps', async () => {
      await put('a', 1);
      await put('b', 2);
      const found = await store.getMany([at('b'), at('x'), at('a'), at('b')]);
      expect(found.map((record) => record?.value)).toEqual([2, undefined, 1, 2]);
      expect(await store.getMany([])).toEqual([]);
    });

    it('tells case, and near names, apart', async () => {
      await put('User');
      expect(await store.get(at('user'))).toBeUndefined();
      expect(await store.get(at('ser', 'pU'))).toBeUndefined();
      expect(await store.get(at('User', 'p2'))).toBeUndefined();
    });
  });

  describe('list', () => {
    it('orders by UTF-8 bytes, not by UTF-16 units or locale', async () => {
      const names = ['a', 'B', 'b', 'é', 'ﬀ', '😀', 'a\u0000', 'a!', 'ab', '10', '9'];
      for (const name of names) await put(name);
      const expected = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await sorts()).toEqual(expected);
      expect(await sorts({ reverse: true })).toEqual(expected.toReversed());
    });

    it('keeps to the prefix and the partition', async () => {
      for (const sort of ['user', 'user#1', 'user#2', 'users#1', 'use']) await put(sort);
      await store.commit([{ op: 'put', ...at('user#9', 'p2'), value: {} }]);
      expect(await sorts({ sortPrefix: 'user#' })).toEqual(['user#1', 'user#2']);
      expect(await sorts({ sortPrefix: 'user#', reverse: true })).toEqual(['user#2', 'user#1']);
      expect((await store.list('nothing')).items).toEqual([]);
    });

    it.each([false, true])('pages without gaps or repeats (reverse: %s)', async (reverse) => {
      const names = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, '0')}`);
      for (const name of names) await put(name);
      await put('k05', {}, nowSeconds() + 1);
      clock.advance(2000);
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await store.list('p', {
          limit: 7,
          reverse,
          ...(cursor === undefined ? {} : { cursor }),
        });
        expect(page.items.length).toBeLessThanOrEqual(7);
        seen.push(...page.items.map(({ sort }) => sort));
        cursor = page.cursor;
      } while (cursor !== undefined && ++pages < 20);
      const expected = names.filter((name) => name !== 'k05');
      expect(seen).toEqual(reverse ? expected.toReversed() : expected);
    });

    it('refuses a cursor of another prefix, which would lead out of the one that is asked for', async () => {
      for (const sort of ['a#1', 'a#2', 'b#1']) await put(sort);
      const { cursor = '' } = await store.list('p', { sortPrefix: 'a#', limit: 1 });
      await expect(store.list('p', { sortPrefix: 'b#', cursor })).rejects.toMatchObject({
        code: 'bad_cursor',
      });
      expect(await sorts({ sortPrefix: 'a#', cursor })).toEqual(['a#2']);
    });

    it('gives a cursor only when there is more, also of records that are large', async () => {
      const value = big(300_000);
      for (const name of ['a', 'b', 'c', 'd', 'e']) await put(name, value);
      const first = await store.list('p', { limit: 4 });
      expect(first.items.map(({ sort }) => sort)).toEqual(['a', 'b', 'c', 'd']);
      const second = await store.list('p', { limit: 1, cursor: first.cursor ?? '' });
      expect(second.items.map(({ sort }) => sort)).toEqual(['e']);
      expect(second.cursor).toBeUndefined();
    });

    it('continues after a record that has gone since', async () => {
      for (const name of ['a', 'b', 'c']) await put(name);
      const { cursor = '' } = await store.list('p', { limit: 2 });
      await store.commit([{ op: 'delete', ...at('b') }]);
      expect(await sorts({ cursor })).toEqual(['c']);
    });
  });

  describe('commit', () => {
    it('lets one of many racing writers win', async () => {
      const commits = await Promise.all(
        Array.from({ length: 20 }, (_, writer) =>
          store.commit([{ op: 'putIfAbsent', ...at('a'), value: { writer } }]),
        ),
      );
      expect(commits.filter((commit) => commit.ok)).toHaveLength(1);
      const winner = commits.findIndex((commit) => commit.ok);
      expect((await store.get(at('a')))?.value).toEqual({ writer: winner });
    });

    it('loses no update under optimistic locking', async () => {
      await put('n', 0);
      const increment = async (): Promise<void> => {
        for (;;) {
          const record = await store.get<number>(at('n'));
          if (record === undefined) throw new Error('gone');
          const commit = await store.commit([
            { op: 'putIfVersion', ...at('n'), version: record.version, value: record.value + 1 },
          ]);
          if (commit.ok) return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect((await store.get(at('n')))?.value).toBe(8);
    });

    it('writes all or nothing, and names what failed', async () => {
      const version = await put('there');
      const commit = await store.commit([
        { op: 'put', ...at('x'), value: 1 },
        { op: 'putIfAbsent', ...at('there'), value: 1 },
        { op: 'delete', ...at('there2'), version },
        { op: 'check', ...at('there3'), version: null },
      ]);
      expect(commit).toEqual({ ok: false, failed: [1, 2] });
      expect(await sorts()).toEqual(['there']);
    });

    it('never reuses a version: a record made anew is not the old one', async () => {
      const old = await put('a', 1);
      await store.commit([{ op: 'delete', ...at('a') }]);
      await put('a', 1);
      const stale: Write[] = [
        { op: 'putIfVersion', ...at('a'), version: old, value: 2 },
        { op: 'delete', ...at('a'), version: old },
        { op: 'check', ...at('a'), version: old },
      ];
      for (const write of stale) expect((await store.commit([write])).ok).toBe(false);
      expect((await store.get(at('a')))?.value).toBe(1);
    });

    it('gives all records of a commit one version, on which the next can build', async () => {
      const first = await store.commit([
        { op: 'put', ...at('a'), value: 1 },
        { op: 'put', ...at('b'), value: 1 },
      ]);
      if (!first.ok) throw new Error('refused');
      const second = await store.commit([
        { op: 'check', ...at('a'), version: first.version },
        { op: 'delete', ...at('b'), version: first.version },
        { op: 'check', ...at('c'), version: null },
      ]);
      expect(second.ok).toBe(true);
      expect(await sorts()).toEqual(['a']);
    });

    it('deletes what is not there without complaint', async () => {
      expect((await store.commit([{ op: 'delete', ...at('a') }])).ok).toBe(true);
    });
  });

  describe('expiry', () => {
    it('hides a record from the very second, whether or not it was swept', async () => {
      const version = await put('a', 1, nowSeconds() + 10);
      clock.advance(9_999);
      expect((await store.get(at('a')))?.expiresAt).toBe(nowSeconds() + 10 - 9.999);
      clock.advance(1);
      expect(await store.get(at('a'))).toBeUndefined();
      expect(await store.getMany([at('a')])).toEqual([undefined]);
      expect(await sorts()).toEqual([]);
      expect((await store.commit([{ op: 'putIfVersion', ...at('a'), version, value: 2 }])).ok).toBe(false);
      expect((await store.commit([{ op: 'check', ...at('a'), version: null }])).ok).toBe(true);
      expect((await store.commit([{ op: 'putIfAbsent', ...at('a'), value: 3 }])).ok).toBe(true);
      expect(await store.get(at('a'))).toMatchObject({ value: 3 });
    });

    it('can be taken away by a later put', async () => {
      await put('a', 1, nowSeconds() + 10);
      await put('a', 2);
      clock.advance(60_000);
      expect(await store.get(at('a'))).not.toHaveProperty('expiresAt');
    });
  });

  describe('limits', () => {
    it.each<[string, () => Promise<unknown>]>([
      ['no writes', () => store.commit([])],
      [
        'too many writes',
        () =>
          store.commit(
            Array.from({ length: maxWritesPerCommit + 1 }, (_, n) => ({
              op: 'put',
              ...at(`${n}`),
              value: n,
            })),
          ),
      ],
      [
        'the same record twice',
        () =>
          store.commit([
            { op: 'put', ...at('a'), value: 1 },
            { op: 'delete', ...at('a') },
          ]),
      ],
      ['a value too large', () => store.commit([{ op: 'put', ...at('a'), value: big(maxValueBytes) }])],
      [
        'a value too large in bytes',
        () => store.commit([{ op: 'put', ...at('a'), value: 'é'.repeat(maxValueBytes / 2) }]),
      ],
      [
        'a commit too large',
        () =>
          store.commit(
            Array.from({ length: 13 }, (_, n) => ({ op: 'put', ...at(`${n}`), value: big(310_000) })),
          ),
      ],
      ['a sort key too long', () => store.get(at(big(maxSortBytes + 1)))],
      ['an empty sort key', () => store.get(at(''))],
      ['an empty partition', () => store.get(at('a', ''))],
      ['NUL in a partition', () => store.get(at('a', 'p\0q'))],
      ['a fraction of a second', () => store.commit([{ op: 'put', ...at('a'), value: 1, expiresAt: 1.5 }])],
      [
        'too many keys',
        () => store.getMany(Array.from({ length: maxKeysPerRead + 1 }, (_, n) => at(`${n}`))),
      ],
      ['a page too large', () => store.list('p', { limit: 1001 })],
      ['a page of nothing', () => store.list('p', { limit: 0 })],
    ])('refuses %s, and writes nothing', async (_, attempt) => {
      await expect(attempt()).rejects.toMatchObject({ name: 'StorageError', code: 'limit_exceeded' });
      expect(await sorts()).toEqual([]);
    });

    it('refuses a cursor that no page gave, as a caller’s mistake', async () => {
      await expect(store.list('p', { cursor: '!!' })).rejects.toMatchObject({
        name: 'StorageError',
        code: 'bad_cursor',
      });
    });

    it('takes what is just within', async () => {
      const writes: Write[] = Array.from({ length: maxWritesPerCommit }, (_, n) => ({
        op: 'put',
        ...at(`${n}`),
        value: n,
      }));
      expect((await store.commit(writes)).ok).toBe(true);
      const many: Write[] = Array.from({ length: 11 }, (_, n) => ({
        op: 'put',
        ...at(`${n}`),
        value: big(maxValueBytes - 2),
      }));
      expect((await store.commit(many)).ok).toBe(true);
      await put(big(maxSortBytes), big(maxValueBytes - 2));
      expect((await store.get<string>(at(big(maxSortBytes))))?.value).toHaveLength(maxValueBytes - 2);
    });
  });

  it('agrees with a simple model under any sequence of writes', async () => {
    const name = fc.constantFrom('a', 'aa', 'b', 'é');
    const step = fc.oneof(
      fc.record({
        op: fc.constant('put' as const),
        name,
        value: fc.integer(),
        ttl: fc.option(fc.integer({ min: 1, max: 5 })),
      }),
      fc.record({
        op: fc.constant('putIfAbsent' as const),
        name,
        value: fc.integer(),
        ttl: fc.constant(null),
      }),
      fc.record({ op: fc.constant('delete' as const), name, value: fc.constant(0), ttl: fc.constant(null) }),
      fc.record({
        op: fc.constant('wait' as const),
        name,
        value: fc.integer({ min: 1, max: 3 }),
        ttl: fc.constant(null),
      }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const partition = `run${run++}`;
        const model = new Map<string, { value: number; expiresAt: number }>();
        const live = (sort: string) => (model.get(sort)?.expiresAt ?? 0) > nowSeconds();
        for (const { op, name: sort, value, ttl } of steps) {
          if (op === 'wait') {
            clock.advance(value * 1000);
            continue;
          }
          const place = { partition, sort };
          const expiresAt = ttl === null ? undefined : Math.floor(nowSeconds()) + ttl;
          const expected = op !== 'putIfAbsent' || !live(sort);
          const write: Write =
            op === 'delete'
              ? { op, ...place }
              : { op, ...place, value, ...(expiresAt === undefined ? {} : { expiresAt }) };
          expect((await store.commit([write])).ok).toBe(expected);
          if (op === 'delete') model.delete(sort);
          else if (expected) model.set(sort, { value, expiresAt: expiresAt ?? Infinity });
        }
        const expected = [...model].filter(([sort]) => live(sort)).map(([sort, { value }]) => [sort, value]);
        const actual = (await store.list(partition)).items.map(({ sort, value }) => [sort, value]);
        expect(actual).toEqual(
          expected.toSorted(([a], [b]) => Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('refuses work after it was closed', async () => {
    await store.close();
    await expect((async () => store.get(at('a')))()).rejects.toMatchObject({ code: 'closed' });
    await expect((async () => store.commit([{ op: 'put', ...at('a'), value: 1 }]))()).rejects.toMatchObject({
      code: 'closed',
    });
  });
});
