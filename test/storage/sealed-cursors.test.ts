import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { ListOptions } from '../../src/storage/port.ts';
import { sealCursors } from '../../src/storage/sealed-cursors.ts';
import { testClock } from '../support/clock.ts';

const inner = openMemoryStore({ clock: testClock() });
const masterKey = randomBytes(32);
const store = sealCursors(inner, masterKey);
await inner.commit(
  ['a/1', 'a/2', 'a/3', 'b/1', 'b/2'].map((sort) => ({ op: 'put', partition: 'p', sort, value: sort })),
);

async function cursorOf(options: ListOptions): Promise<string> {
  const { cursor } = await store.list('p', { ...options, limit: 1 });
  if (cursor === undefined) throw new Error('there is no next page');
  return cursor;
}

it('goes on where the page ended, also in another process with the same key', async () => {
  const cursor = await cursorOf({ sortPrefix: 'a/' });
  const other = sealCursors(inner, masterKey);
  const page = await other.list('p', { sortPrefix: 'a/', cursor });
  expect(page.items.map(({ sort }) => sort)).toEqual(['a/2', 'a/3']);
});

it('tells nothing of the record at which the page ended', async () => {
  const cursors = await Promise.all([cursorOf({}), cursorOf({})]);
  expect(cursors[0]).not.toBe(cursors[1]);
  expect(Buffer.from(cursors[0], 'base64url').toString('latin1')).not.toContain('a/1');
});

it.each<[string, ListOptions & { partition?: string }]>([
  ['partition', { sortPrefix: 'a/', partition: 'q' }],
  ['prefix', { sortPrefix: 'b/' }],
  ['direction', { sortPrefix: 'a/', reverse: true }],
])('is good for no other %s', async (_, { partition = 'p', ...options }) => {
  const cursor = await cursorOf({ sortPrefix: 'a/' });
  await expect(store.list(partition, { ...options, cursor })).rejects.toMatchObject({ code: 'bad_cursor' });
});

it('is refused when changed, made by hand, or sealed with another key', async () => {
  const genuine = Buffer.from(await cursorOf({}), 'base64url');
  const changed = Buffer.from(genuine);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  const foreign = await sealCursors(inner, randomBytes(32)).list('p', { limit: 1 });
  const forged = [
    changed.toString('base64url'),
    Buffer.from('a/1').toString('base64url'),
    '',
    'x',
    foreign.cursor,
  ];
  for (const cursor of forged)
    await expect(store.list('p', { cursor: cursor ?? '' })).rejects.toMatchObject({ code: 'bad_cursor' });
});

it('seals the cursor of several partitions for those', async () => {
  const both = ['p', 'r'];
  await inner.commit([{ op: 'put', partition: 'r', sort: 'a/2½', value: null }]);
  const { items, cursor = '' } = await store.list(both, { limit: 2 });
  const rest = await store.list(both, { cursor });
  expect([...items, ...rest.items].map(({ sort }) => sort)).toEqual([
    'a/1',
    'a/2',
    'a/2½',
    'a/3',
    'b/1',
    'b/2',
  ]);
  for (const others of ['p', ['p', 'q'], ['p', 'r', 's']])
    await expect(store.list(others, { cursor })).rejects.toMatchObject({ code: 'bad_cursor' });
});
