import { describe, expect, it } from 'vitest';
import type { KeyRecord } from '../../src/trust/key-record.ts';
import { publishedBeforeUseMs, standingOf } from '../../src/trust/key-ring.ts';

const minute = 60_000;

function generation(
  activeFrom: number,
  more: Partial<Pick<KeyRecord, 'purpose' | 'revokesEarlier'>> = {},
): KeyRecord {
  return {
    keyId: `k${activeFrom}`,
    purpose: 'access-token',
    publicJwk: {},
    encrypted: { iv: '', tag: '', data: '' },
    createdAt: activeFrom,
    activeFrom,
    ...more,
  };
}

const states = (generations: readonly KeyRecord[], now: number) =>
  standingOf(generations, now).map(({ state }) => state);

describe('a key’s standing', () => {
  it('is current while there is no other', () => {
    expect(standingOf([generation(0)], 100 * minute)).toEqual([{ state: 'current' }]);
  });

  it('is upcoming from its publication to its first use, which gives caches of five minutes time', () => {
    expect(publishedBeforeUseMs).toBeGreaterThanOrEqual(2 * 5 * minute);
    const ring = [generation(0), generation(60 * minute)];
    expect(states(ring, 60 * minute - 1)).toEqual(['current', 'upcoming']);
    expect(states(ring, 60 * minute)).toEqual(['retiring', 'current']);
  });

  it.each([
    ['access-token', 10 * minute],
    ['agent-card', 30 * 24 * 60 * minute],
  ] as const)('ends for %s when nothing that it signed is left', (purpose, after) => {
    const ring = [generation(0, { purpose }), generation(60 * minute, { purpose })];
    expect(states(ring, 60 * minute + after - 1)).toEqual(['retiring', 'current']);
    expect(states(ring, 60 * minute + after)).toEqual(['retired', 'current']);
    expect(standingOf(ring, 0)[0]).toEqual({ state: 'current', countsUntil: 60 * minute + after });
  });

  it('ends at once for all earlier ones when one was compromised, also one that waited for its turn', () => {
    const ring = [generation(0), generation(70 * minute), generation(65 * minute, { revokesEarlier: true })];
    expect(states(ring, 64 * minute)).toEqual(['current', 'upcoming', 'upcoming']);
    expect(states(ring, 65 * minute)).toEqual(['retired', 'retired', 'current']);
    expect(states(ring, 71 * minute)).toEqual(['retired', 'retired', 'current']);
  });

  it('stays ended when keys are rotated again', () => {
    const ring = [0, 60, 61, 62].map((at) => generation(at * minute));
    expect(states(ring, 62 * minute)).toEqual(['retiring', 'retiring', 'retiring', 'current']);
    expect(states(ring, 71 * minute)).toEqual(['retired', 'retired', 'retiring', 'current']);
    expect(states(ring, 72 * minute)).toEqual(['retired', 'retired', 'retired', 'current']);
  });
});
