import { expect, it } from 'vitest';
import { systemIds } from '../../src/kernel/ids.ts';

it('makes ids that are unique and sort by creation', () => {
  const made = Array.from({ length: 5000 }, () => systemIds.next('evt'));
  expect(new Set(made).size).toBe(made.length);
  expect(made.toSorted()).toEqual(made);
  expect(made[0]).toMatch(/^evt_[0-9a-f]{32}$/);
});
