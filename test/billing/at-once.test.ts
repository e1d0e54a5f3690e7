import { describe, expect, it } from 'vitest';
import { mapAtOnce } from '../../src/billing/at-once.ts';

describe('work on several items at once', () => {
  it('answers in the order of the items, whatever ends first', async () => {
    const ends: (() => void)[] = [];
    const done = mapAtOnce([1, 2, 3], async (item, index) => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return item * 10 + index;
    });
    for (const end of ends.toReversed()) end();
    expect(await done).toEqual([10, 21, 32]);
  });

  it('is bounded, and reaches every item', async () => {
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 100 }, (_, index) => index);
    const seen = await mapAtOnce(items, async (item) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return item;
    });
    expect(seen).toEqual(items);
    expect(most).toBe(16);
  });

  it('begins nothing more after a failure', async () => {
    let begun = 0;
    const failing = mapAtOnce(Array.from({ length: 100 }), async () => {
      begun++;
      await Promise.resolve();
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    await Promise.resolve();
    expect(begun).toBe(16);
  });

  it('of nothing is nothing', async () => {
    expect(await mapAtOnce([], () => Promise.reject(new Error('never')))).toEqual([]);
  });
});
