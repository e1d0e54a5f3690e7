import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ListOptions, Store } from '../../src/storage/port.ts';
import { shardsOf } from '../../src/storage/shards.ts';
import { testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

describe('shards', () => {
  it('spread records evenly, each always to the same place', () => {
    const shards = shardsOf('audit', 16);
    expect(new Set(shards.all).size).toBe(16);
    const counts = new Map<string, number>();
    for (let n = 0; n < 16_000; n++) {
      const shard = shards.of(`aud_${n}`);
      expect(shard).toBe(shardsOf('audit', 16).of(`aud_${n}`));
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted()).toEqual(shards.all.toSorted());
    expect(Math.min(...counts.values())).toBeGreaterThan(800);
    expect(Math.max(...counts.values())).toBeLessThan(1200);
  });
});

describe.each(engines)('shards as one list on $name', (engine) => {
  const shards = shardsOf('p', 5);
  const names = Array.from(
    { length: 43 },
    (_, n) => `${n % 3 === 0 ? 'a' : 'b'}#${String(n).padStart(2, '0')}`,
  );
  const sorted = names.toSorted();
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ store, dispose } = await engine.open(testClock()));
    await store.commit(
      names.map((sort) => ({ op: 'put', partition: shards.of(sort), sort, value: `of ${sort}` })),
    );
    await store.commit([{ op: 'put', partition: 'p', sort: 'a#stranger', value: null }]);
  });
  afterEach(() => dispose());

  async function paged(options: ListOptions): Promise<readonly string[]> {
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await store.list<string>(shards.all, {
        ...options,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(options.limit ?? 100);
      for (const { sort, partition, value } of page.items) {
        expect({ partition, value }).toEqual({ partition: shards.of(sort), value: `of ${sort}` });
        seen.push(sort);
      }
      cursor = page.cursor;
    } while (cursor !== undefined && ++pages < 100);
    return seen;
  }

  it.each([1, 7, 42, 43, 44, 1000])(
    'are in order, without gaps or repeats, in pages of %d',
    async (limit) => {
      expect(await paged({ limit })).toEqual(sorted);
      expect(await paged({ limit, reverse: true })).toEqual(sorted.toReversed());
    },
  );

  it('keep to the prefix', async () => {
    const own = sorted.filter((name) => name.startsWith('a#'));
    expect(await paged({ limit: 4, sortPrefix: 'a#' })).toEqual(own);
    expect(await paged({ limit: 4, sortPrefix: 'a#', reverse: true })).toEqual(own.toReversed());
  });

  it('have no cursor at their end, and go on after a record that has gone', async () => {
    expect((await store.list(shards.all, { limit: 43 })).cursor).toBeUndefined();
    const { items, cursor = '' } = await store.list(shards.all, { limit: 20 });
    const last = items.at(-1)?.sort ?? '';
    await store.commit([{ op: 'delete', partition: shards.of(last), sort: last }]);
    const rest = await store.list(shards.all, { limit: 43, cursor });
    expect([...items, ...rest.items].map(({ sort }) => sort)).toEqual(sorted);
  });

  it('are empty when there is nothing, and refuse what one partition refuses', async () => {
    expect(await store.list(shardsOf('none', 3).all)).toEqual({ items: [] });
    await expect(store.list(shards.all, { limit: 0 })).rejects.toMatchObject({ code: 'limit_exceeded' });
    await expect(store.list(shards.all, { cursor: '!!' })).rejects.toMatchObject({ code: 'bad_cursor' });
  });
});
