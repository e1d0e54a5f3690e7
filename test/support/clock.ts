import type { Clock } from '../../src/kernel/clock.ts';

export interface TestClock extends Clock {
  advance(ms: number): void;
  set(epochMs: number): void;
}

/** A clock that stands still until told otherwise. */
export function testClock(start = Date.UTC(2026, 0, 15, 12)): TestClock {
  let now = start;
  return {
    now: () => now,
    advance: (ms) => void (now += ms),
    set: (epochMs) => void (now = epochMs),
  };
}
