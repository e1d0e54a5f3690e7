import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { type Key, StorageError, type Store } from '../../src/storage/port.ts';
import { recentMs, recentReads } from '../../src/storage/recent-reads.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

const place = { partition: 'tenant#acme', sort: 'tenant' };
const other = { partition: 'tenant#globex', sort: 'tenant' };
const recent = { consistency: 'eventual' } as const;

let clock: TestClock;
/** What all processes share, and what other processes write to. */
let shared: Store;
/** Keys that were read from it, in order. */
let asked: Key[];
let ours: Store;
/** What the next read or commit waits for. */
let gate: Promise<void>;

beforeEach(() => {
  clock = testClock();
  shared = openMemoryStore({ clock });
  asked = [];
  gate = Promise.resolve();
  const watched: Store = {
    ...shared,
    capabilities: { engine: 'dynamodb', shared: true },
    get: async (key, options) => {
      expect(options?.consistency).not.toBe('eventual');
      asked.push(key);
      await gate;
      return shared.get(key);
    },
    getMany: async (keys, options) => {
      expect(options?.consistency).not.toBe('eventual');
      asked.push(...keys);
      await gate;
      return shared.getMany(keys);
    },
    commit: async (writes) => {
      await gate;
      return shared.commit(writes);
    },
  };
  ours = recentReads(watched, clock);
});

const write = (store: Store, value: unknown, key: Key = place) =>
  store.commit([{ op: 'put', ...key, value }]);
const read = async (store: Store = ours) => (await store.get(place, recent))?.value;

function closedGate(): () => void {
  let open = () => {};
  gate = new Promise((resolve) => (open = resolve));
  return open;
}

describe('recent reads', () => {
  it('ask once in four seconds, whoever asks how often', async () => {
    await write(shared, 1);
    for (let ms = 0; ms < 60_000; ms += 100) {
      expect(await Promise.all([read(), read()])).toEqual([1, 1]);
      clock.advance(100);
    }
    expect(asked).toHaveLength(60_000 / recentMs);
  });

  it('see what another process has committed after four seconds, and not a millisecond later', async () => {
    await write(shared, 'before');
    await read();
    await write(shared, 'after');
    clock.advance(recentMs - 1);
    expect(await read()).toBe('before');
    clock.advance(1);
    expect(await read()).toBe('after');
  });

  it('count the age from before the read: a slow answer is old when it comes', async () => {
    await write(shared, 'before');
    const open = closedGate();
    const slow = read();
    clock.advance(recentMs);
    await write(shared, 'after');
    const next = read();
    expect(asked).toHaveLength(2);
    open();
    await Promise.all([slow, next]);
    clock.advance(recentMs - 1);
    await read();
    expect(asked).toHaveLength(2);
  });

  it('leave strong reads alone', async () => {
    await write(shared, 'before');
    await read();
    await write(shared, 'after');
    expect((await ours.get(place))?.value).toBe('after');
    expect((await ours.getMany([place], { consistency: 'strong' }))[0]?.value).toBe('after');
    expect(await read()).toBe('before');
  });

  it('see at once what this process commits', async () => {
    await write(ours, 1);
    await read();
    await write(ours, 2);
    expect(await read()).toBe(2);
    await ours.commit([{ op: 'delete', ...place }]);
    expect(await read()).toBeUndefined();
  });

  it('keep nothing that was read while this process committed', async () => {
    await write(shared, 'before');
    const open = closedGate();
    const committing = write(ours, 'after');
    const reading = read();
    open();
    await Promise.all([committing, reading]);
    expect(await read()).toBe('after');
  });

  it('keep nothing of a commit that failed: it may have happened', async () => {
    const store = recentReads(
      {
        ...shared,
        capabilities: { engine: 'dynamodb', shared: true },
        commit: async (writes) => {
          await shared.commit(writes);
          throw new StorageError('unavailable', 'no answer came');
        },
      },
      clock,
    );
    await write(shared, 'before');
    await read(store);
    await expect(write(store, 'after')).rejects.toThrow('no answer came');
    expect(await read(store)).toBe('after');
  });

  it('do not keep absence: what another process has just made is found', async () => {
    expect(await read()).toBeUndefined();
    await write(shared, 'made');
    expect(await read()).toBe('made');
  });

  it('do not keep a failure', async () => {
    await write(shared, 1);
    gate = Promise.reject(new StorageError('unavailable', 'is away'));
    await expect(read()).rejects.toThrow('is away');
    gate = Promise.resolve();
    expect(await read()).toBe(1);
  });

  it('do not answer with a record whose time is over', async () => {
    const expiresAt = Math.floor(clock.now() / 1000) + 2;
    await shared.commit([{ op: 'put', ...place, value: 1, expiresAt }]);
    expect(await read()).toBe(1);
    clock.advance(2000);
    expect(await read()).toBeUndefined();
    expect((await ours.getMany([place], recent))[0]).toBeUndefined();
  });

  it('read anew when the clock is set back', async () => {
    await write(shared, 'before');
    await read();
    await write(shared, 'after');
    clock.advance(-3_600_000);
    expect(await read()).toBe('after');
  });

  it('of many: ask for those that are missing, and keep the order', async () => {
    await write(shared, 'acme');
    await write(shared, 'globex', other);
    await read();
    asked.length = 0;
    const nobody = { partition: 'tenant#nobody', sort: 'tenant' };
    const records = await ours.getMany([nobody, place, other], recent);
    expect(records.map((record) => record?.value)).toEqual([undefined, 'acme', 'globex']);
    expect(asked).toEqual([nobody, other]);
    await ours.getMany([place, other], recent);
    expect(asked).toHaveLength(2);
  });

  it('never take one key for another', async () => {
    await write(shared, 1, { partition: 'a', sort: 'bc' });
    await ours.get({ partition: 'a', sort: 'bc' }, recent);
    expect(await ours.get({ partition: 'ab', sort: 'c' }, recent)).toBeUndefined();
  });

  it('give everybody the same record, which nobody can change', async () => {
    await write(shared, { scopes: ['a2a:invoke'] });
    const record = await ours.get<{ scopes: string[] }>(place, recent);
    expect(() => record?.value.scopes.push('a2a:admin')).toThrow(TypeError);
    expect(await read()).toEqual({ scopes: ['a2a:invoke'] });
  });
});

it.each(engines)('$name is left as it is unless processes share it', async (engine) => {
  const { store, dispose } = await engine.open(clock);
  expect(recentReads(store, clock) === store).toBe(!store.capabilities.shared);
  await dispose();
});
