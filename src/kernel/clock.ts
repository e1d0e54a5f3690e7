/** The only source of time. Everything that needs "now" is handed a clock, so that tests can hold it still. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** JWTs, TTLs and `expiresAt` count in whole seconds (RFC 7519 NumericDate). */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
