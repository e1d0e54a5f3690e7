import type { KeyObject } from 'node:crypto';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import { sha256 } from '../kernel/digest.ts';
import { isSignedBy, type ParsedJwt } from './jwt.ts';

/** Tokens of an hour, at the rate of a busy broker; about 200 bytes each. */
const maxSeen = 20_000;

/**
 * Remembers which key signed a token. The same token comes again for each agent that it is exchanged for, and a look-up costs a
 * fiftieth of an ES256 verification. Nothing else about the token is remembered: times, audience, standing, and whether that key
 * still counts are asked each time.
 */
export interface SeenSignatures {
  /** Whether one of these keys, all of which count now, signed the token. */
  isSignedByAny(jwt: ParsedJwt, keys: readonly KeyObject[]): boolean;
}

export function createSeenSignatures(): SeenSignatures {
  const signers = new BoundedCache<KeyObject>(maxSeen);
  return {
    isSignedByAny(jwt, keys) {
      const digest = sha256(`${jwt.signingInput}.${Buffer.from(jwt.signature).toString('base64url')}`);
      const known = signers.get(digest);
      // The very object: after a fetch the keys of an issuer are others, even where they are the same.
      if (known !== undefined && keys.includes(known)) return true;
      const signer = keys.find((key) => isSignedBy(jwt, key));
      if (signer !== undefined) signers.set(digest, signer);
      return signer !== undefined;
    },
  };
}
