import { expect, it } from 'vitest';
import { createBoundedRefusals } from '../../src/audit/index.ts';
import { testClock } from '../support/clock.ts';

const entry = { action: 'api.call', outcome: 'refused', detail: { path: '/v1/x' } } as const;

it('lets twenty of a kind through in a minute, and says later how many more there were', () => {
  const clock = testClock();
  const refusals = createBoundedRefusals({ clock });
  const admitted = (kind: string, times: number) =>
    Array.from({ length: times }, () => refusals.admit(kind, entry)).filter((one) => one !== undefined);

  expect(admitted('a', 50)).toEqual(Array.from({ length: 20 }, () => entry));
  expect(admitted('b', 1)).toEqual([entry]);
  clock.advance(59_999);
  expect(admitted('a', 1)).toEqual([]);
  clock.advance(1);
  expect(admitted('a', 2)).toEqual([{ ...entry, detail: { path: '/v1/x', notListedBefore: 31 } }, entry]);
});

it('starts anew when the clock was set back', () => {
  const clock = testClock();
  const refusals = createBoundedRefusals({ clock });
  for (let n = 0; n < 30; n++) refusals.admit('a', entry);
  clock.advance(-3_600_000);
  expect(refusals.admit('a', entry)).toBeDefined();
});
