import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { type Clock, epochSeconds } from '../kernel/clock.ts';
import { clockSkewSeconds } from './jwt.ts';

/** Nonces for proofs (RFC 9449 §8, §9). */
export interface Nonces {
  /** The one to use now. */
  current(): string;
  isValid(nonce: string): boolean;
}

/** A client that asks rarely gets a new one each time; one that calls often goes on with what it was last given. */
export const nonceSeconds = 300;
/** As often a new one is made. */
const slotSeconds = 10;
const timeBytes = 6;
const macBytes = 16;

/**
 * A nonce is the time at which it was made, and a MAC over it: nothing is stored, every replica knows those of the others, and
 * none of another broker counts.
 */
export function createNonces(deps: {
  /** Shared by the replicas of this broker, and by nobody else. */
  readonly secret: Uint8Array;
  readonly brokerUrl: string;
  readonly clock: Clock;
}): Nonces {
  const key = Buffer.from(hkdfSync('sha256', deps.secret, deps.brokerUrl, 'broker dpop nonces v1', 32));
  let latest: { readonly slot: number; readonly nonce: string } | undefined;

  function macOf(time: Uint8Array): Buffer {
    return createHmac('sha256', key).update(time).digest().subarray(0, macBytes);
  }

  return {
    current() {
      const now = epochSeconds(deps.clock);
      const slot = now - (now % slotSeconds);
      if (latest?.slot !== slot) {
        const time = Buffer.alloc(timeBytes);
        time.writeUIntBE(slot, 0, timeBytes);
        latest = { slot, nonce: Buffer.concat([time, macOf(time)]).toString('base64url') };
      }
      return latest.nonce;
    },
    isValid(nonce) {
      const bytes = Buffer.from(nonce, 'base64url');
      if (bytes.length !== timeBytes + macBytes || bytes.toString('base64url') !== nonce) return false;
      const time = bytes.subarray(0, timeBytes);
      if (!timingSafeEqual(macOf(time), bytes.subarray(timeBytes))) return false;
      const age = epochSeconds(deps.clock) - time.readUIntBE(0, timeBytes);
      return age <= nonceSeconds && age >= -clockSkewSeconds;
    },
  };
}
