import type { Key } from '../port.ts';

/**
 * A record's key: partition, NUL, sort, in UTF-8. NUL is refused in partitions, so partitions never run into each other,
 * and within one LMDB's byte order is the port's order of `sort`.
 */
export function recordKey(key: Key): Buffer {
  return Buffer.from(`${key.partition}\0${key.sort}`, 'utf8');
}

export function sortOf(key: Buffer, partition: string): string {
  return key.toString('utf8', Buffer.byteLength(partition) + 1);
}

export function keyOf(key: Buffer): Key {
  const end = key.indexOf(0);
  return { partition: key.toString('utf8', 0, end), sort: key.toString('utf8', end + 1) };
}

/** Expiry in seconds, big-endian, so that byte order is time order; then the record's key. */
export function expiryKey(expiresAt: number, key: Buffer): Buffer {
  return Buffer.concat([seconds(expiresAt), key]);
}

export function recordKeyOf(key: Buffer): Buffer {
  return key.subarray(8);
}

/** Just past everything that expires at or before `now` (epoch seconds). */
export function expiryScanEnd(now: number): Buffer {
  return seconds(now + 1);
}

function seconds(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}
