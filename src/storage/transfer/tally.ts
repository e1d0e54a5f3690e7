import { createHash } from 'node:crypto';
import { type PlainRecord, recordLine } from '../backup-format.ts';

/** What a set of records amounts to, in whatever order they come: engines have orders of their own. */
export interface Tally {
  readonly count: number;
  /** The sum, modulo 2^256, of the SHA-256 of each record's line; in hex. Finds differences, not forgers. */
  readonly digest: string;
}

const modulus = 1n << 256n;

/** Of those records that never expire, or later than `horizon` (epoch seconds): nobody removes them while we count. */
export async function tally(records: AsyncIterable<PlainRecord>, horizon: number): Promise<Tally> {
  let count = 0;
  let sum = 0n;
  for await (const record of records) {
    if (record.expiresAt !== undefined && record.expiresAt <= horizon) continue;
    count++;
    const digest = createHash('sha256').update(recordLine(record)).digest('hex');
    sum = (sum + BigInt(`0x${digest}`)) % modulus;
  }
  return { count, digest: sum.toString(16).padStart(64, '0') };
}
