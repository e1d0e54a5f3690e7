import { describe, expect, it } from 'vitest';
import { createWriteWatch } from '../../src/storage/lmdb/write-watch.ts';
import { StorageError } from '../../src/storage/port.ts';

const never = () => new Promise<never>(() => undefined);

/** As lmdb fails: the cause rejects on its own, a moment after the commit. */
function failure(code: number): Promise<never> {
  const cause = Object.assign(new Error('Input/output error'), { code });
  const commitError = new Promise<never>((_, reject) => {
    setTimeout(reject, 5, cause);
  });
  return Promise.reject(
    Object.assign(new Error('Commit failed (see commitError for details)'), { commitError }),
  );
}

describe('what LMDB’s failures mean', () => {
  it.each([
    ['a full disk', 28],
    ['a used up quota', 122],
    ['a page that was written in part', 5],
  ])('%s says that there may be room again', async (_, code) => {
    const watch = createWriteWatch(1000);
    await expect(watch.settle(failure(code))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('with room, writes work again') as string,
      cause: { code },
    });
    expect(watch.isStuck()).toBe(false);
    expect(await watch.settle(Promise.resolve('written'))).toBe('written');
  });

  it('a write that does not come back after one that failed is the end', async () => {
    const watch = createWriteWatch(20);
    await expect(watch.settle(failure(5))).rejects.toThrow(StorageError);
    await expect(watch.settle(never())).rejects.toMatchObject({ code: 'unavailable' });
    expect(watch.isStuck()).toBe(true);
  });

  it('a write that is only late is answered, and the next one may succeed', async () => {
    const watch = createWriteWatch(20);
    await expect(watch.settle(never())).rejects.toMatchObject({ code: 'unavailable' });
    expect(watch.isStuck()).toBe(false);
    expect(await watch.settle(Promise.resolve('written'))).toBe('written');
    await expect(watch.settle(failure(28))).rejects.toThrow(StorageError);
    expect(await watch.settle(Promise.resolve('written'))).toBe('written');
    await expect(watch.settle(never())).rejects.toThrow(StorageError);
    expect(watch.isStuck()).toBe(false);
  });

  it('a refusal of our own passes as it is, and says nothing about the disk', async () => {
    const watch = createWriteWatch(20);
    const corrupt = new StorageError('corrupt', 'a record is not in its form');
    await expect(watch.settle(Promise.reject(corrupt))).rejects.toBe(corrupt);
    await expect(watch.settle(never())).rejects.toThrow(StorageError);
    expect(watch.isStuck()).toBe(false);
  });
});
