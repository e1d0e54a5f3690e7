import type { RevokedTokens } from './model.ts';

/** Tokens live for minutes, so these are many; and the client's record stays small. */
const maxNamed = 100;

interface ManagementToken {
  /** SHA-256 of its `jti`. */
  readonly id: string;
  /** Epoch seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * With one more token revoked, and those forgotten that have expired. When there are too many to name, all that were issued up
 * to now are: a client that takes back so many at once has lost more than it knows.
 */
export function withRevoked(
  known: RevokedTokens | undefined,
  token: ManagementToken,
  now: number,
): RevokedTokens {
  const live = Object.entries(known?.tokens ?? {}).filter(([, expiresAt]) => expiresAt > now);
  const tokens = { ...Object.fromEntries(live), [token.id]: token.expiresAt };
  if (Object.keys(tokens).length > maxNamed) return { tokens: {}, issuedUntil: now };
  return { ...(known?.issuedUntil === undefined ? {} : { issuedUntil: known.issuedUntil }), tokens };
}

export function isRevoked(
  known: RevokedTokens | undefined,
  { id, issuedAt }: Pick<ManagementToken, 'id' | 'issuedAt'>,
): boolean {
  if (known === undefined) return false;
  return Object.hasOwn(known.tokens, id) || issuedAt <= (known.issuedUntil ?? -1);
}
