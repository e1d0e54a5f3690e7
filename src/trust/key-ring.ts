import type { KeyPurpose, KeyRecord } from './key-record.ts';

/** Others cache our key set for five minutes, and replicas see a new key within seconds. */
export const publishedBeforeUseMs = 10 * 60_000;

/** How long the generation before goes on counting: what it signed has ended, or was fetched again, by then. */
const countsAfterwardsMs = {
  // The longest token and the clocks' skew.
  'access-token': 10 * 60_000,
  // A card is served anew with each request, and others may keep what they fetched.
  'agent-card': 30 * 24 * 3_600_000,
} as const satisfies Record<KeyPurpose, number>;

export type KeyState = 'upcoming' | 'current' | 'retiring' | 'retired';

export interface KeyStanding {
  readonly state: KeyState;
  /** Epoch milliseconds; absent while no later generation is known. */
  readonly countsUntil?: number;
}

/** Where each generation of one purpose stands, in the records' order (oldest first). */
export function standingOf(generations: readonly KeyRecord[], now: number): readonly KeyStanding[] {
  const current = generations.findLastIndex(({ activeFrom }) => activeFrom <= now);
  return generations.map(({ purpose }, index) => {
    const [next, ...later] = generations.slice(index + 1);
    if (next === undefined) return { state: index > current ? 'upcoming' : 'current' };
    const revoked = [next, ...later].flatMap(({ revokesEarlier, activeFrom }) =>
      revokesEarlier === true ? [activeFrom] : [],
    );
    const countsUntil = Math.min(next.activeFrom + countsAfterwardsMs[purpose], ...revoked);
    if (index >= current) return { state: index > current ? 'upcoming' : 'current', countsUntil };
    return { state: countsUntil > now ? 'retiring' : 'retired', countsUntil };
  });
}
