import { describe, expect, it } from 'vitest';
import { everything } from '../../src/billing/paging.ts';
import { testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

describe.each(engines)('a long list on $name', (engine) => {
  it('is read whole, in order, and lets others work between its pages', async () => {
    const { store, dispose } = await engine.open(testClock());
    const sorts = Array.from({ length: 2500 }, (_, index) => `a#${String(index).padStart(5, '0')}`);
    for (let start = 0; start < sorts.length; start += 100)
      await store.commit(
        sorts.slice(start, start + 100).map((sort) => ({ op: 'put', partition: 'p', sort, value: sort })),
      );
    await store.commit([{ op: 'put', partition: 'p', sort: 'b#1', value: 'another prefix' }]);
    let turns = 0;
    let isReading = true;
    const work = (): void => {
      turns++;
      if (isReading) setImmediate(work);
    };
    setImmediate(work);
    const read = [];
    for await (const { value } of everything<string>(store, 'p', 'a#')) read.push(value);
    isReading = false;
    expect(read).toEqual(sorts);
    expect(turns).toBeGreaterThanOrEqual(2);
    await dispose();
  });
});
