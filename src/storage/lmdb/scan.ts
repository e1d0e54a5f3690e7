import type { Database } from 'lmdb';
import type { Clock } from '../../kernel/clock.ts';
import { decodeScanCursor, encodeScanCursor, pageSize } from '../limits.ts';
import type { Page, ScanOptions, StoredRecord } from '../port.ts';
import { decodeEntry, toRecord } from './entry.ts';
import { keyOf, recordKey } from './keys.ts';

/** One page of everything, in key order. */
export function scanRecords<T>(
  records: Database<string, Buffer>,
  clock: Clock,
  options: ScanOptions = {},
): Page<T> {
  const limit = pageSize(options);
  const range =
    options.cursor === undefined
      ? {}
      : { start: recordKey(decodeScanCursor(options.cursor)), exclusiveStart: true };
  const items: StoredRecord<T>[] = [];
  for (const { key, value } of records.getRange(range)) {
    const entry = decodeEntry(value);
    if (entry.expiresAt !== undefined && entry.expiresAt * 1000 <= clock.now()) continue;
    const last = items[limit - 1];
    if (last !== undefined) return { items, cursor: encodeScanCursor(last) };
    const { partition, sort } = keyOf(key);
    items.push(toRecord<T>(partition, sort, entry));
  }
  return { items };
}
