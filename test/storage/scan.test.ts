import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store, StoredRecord, Write } from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

describe.each(engines)('a scan of everything on $name', (engine) => {
  let clock: TestClock;
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    clock = testClock();
    ({ store, dispose } = await engine.open(clock));
  });
  afterEach(() => dispose());

  const keys = Array.from({ length: 60 }, (_, n) => ({ partition: `p${n % 7}`, sort: `s${n}é😀` }));
  const put = (key: { partition: string; sort: string }, value: unknown = key.sort) =>
    ({ op: 'put', ...key, value }) satisfies Write;
  const nameOf = ({ partition, sort }: { partition: string; sort: string }) => `${partition} ${sort}`;

  async function scanAll(
    limit: number,
    between: (page: number) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<readonly StoredRecord<unknown>[]> {
    const records: StoredRecord<unknown>[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await store.scan<unknown>({ limit, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      records.push(...page.items);
      cursor = page.cursor;
      await between(pages);
    } while (cursor !== undefined && ++pages < 200);
    return records;
  }

  it('gives every live record once, as get does, in the same order each time', async () => {
    await store.commit(keys.map((key) => put(key)));
    await store.commit([{ ...put({ partition: 'p1', sort: 'gone' }), expiresAt: clock.now() / 1000 + 5 }]);
    await store.commit([{ ...put({ partition: 'p1', sort: 'later' }), expiresAt: clock.now() / 1000 + 500 }]);
    clock.advance(6000);
    const all = await scanAll(7);
    expect(all.map(nameOf).toSorted()).toEqual(
      [...keys, { partition: 'p1', sort: 'later' }].map(nameOf).toSorted(),
    );
    expect(await scanAll(1000)).toEqual(all);
    expect(await store.getMany(all)).toEqual(all);
  });

  it('misses and repeats no record that was there throughout, whatever is written meanwhile', async () => {
    await store.commit(keys.map((key) => put(key)));
    const [doomed, ...kept] = keys;
    const seen = await scanAll(5, async (page) => {
      await store.commit([
        put({ partition: `p${page % 7}`, sort: `new${page}` }),
        ...kept.slice(0, 40).map((key) => put(key, `changed${page}`)),
      ]);
      if (page === 3 && doomed !== undefined) await store.commit([{ op: 'delete', ...doomed }]);
    });
    const names = seen.map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(kept.map(nameOf)));
  });

  it('continues after a record that has gone since', async () => {
    await store.commit(keys.map((key) => put(key)));
    const { items, cursor = '' } = await store.scan({ limit: 10 });
    const last = items.at(-1);
    if (last === undefined) throw new Error('an empty page');
    await store.commit([{ op: 'delete', partition: last.partition, sort: last.sort }]);
    const rest = await store.scan({ limit: 1000, cursor });
    expect([...items, ...rest.items].map(nameOf).toSorted()).toEqual(keys.map(nameOf).toSorted());
  });

  it('is empty and at its end when there is nothing', async () => {
    expect(await store.scan()).toEqual({ items: [] });
  });

  it.each(['!!', 'YWI', 'AGE', 'YQA'])('refuses the cursor %s, which no page gave', async (cursor) => {
    await expect(store.scan({ cursor })).rejects.toMatchObject({ code: 'bad_cursor' });
  });

  it('refuses a page that is too large, and work after it was closed', async () => {
    await expect(store.scan({ limit: 1001 })).rejects.toMatchObject({ code: 'limit_exceeded' });
    await store.close();
    await expect((async () => store.scan())()).rejects.toMatchObject({ code: 'closed' });
  });
});
