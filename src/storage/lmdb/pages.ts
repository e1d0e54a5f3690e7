import type { Database, Transaction } from 'lmdb';
import type { Clock } from '../../kernel/clock.ts';
import { decodeCursor, decodeScanCursor, encodeCursor, encodeScanCursor, pageSize } from '../limits.ts';
import type { ListOptions, Page, ScanOptions, StoredRecord } from '../port.ts';
import { decodeEntry, toRecord } from './entry.ts';
import { keyOf, recordKey, sortOf } from './keys.ts';

/** What is read, and as of when: the transaction's moment, or now. */
export interface Reading {
  readonly records: Database<string, Buffer>;
  readonly clock: Clock;
  readonly moment?: { readonly transaction: Transaction } | undefined;
}

export function listRecords<T>(
  { records, clock, moment }: Reading,
  partition: string,
  options: ListOptions,
): Page<T> {
  const limit = pageSize(options);
  const prefix = options.sortPrefix ?? '';
  const after = options.cursor === undefined ? undefined : decodeCursor(options.cursor, prefix);
  const first = recordKey({ partition, sort: prefix });
  // 0xff is in no UTF-8 text: this is just past every key that starts with the prefix.
  const last = Buffer.concat([first, Buffer.from([0xff])]);
  const reverse = options.reverse === true;
  const resume = after === undefined ? undefined : recordKey({ partition, sort: after });
  const range = reverse
    ? { start: resume ?? last, end: first, reverse, exclusiveStart: true, inclusiveEnd: true }
    : { start: resume ?? first, end: last, exclusiveStart: resume !== undefined };
  const items: StoredRecord<T>[] = [];
  for (const { key, value } of records.getRange({ ...range, ...moment })) {
    const entry = decodeEntry(value);
    if (entry.expiresAt !== undefined && entry.expiresAt * 1000 <= clock.now()) continue;
    const full = items[limit - 1];
    if (full !== undefined) return { items, cursor: encodeCursor(full.sort) };
    items.push(toRecord<T>(partition, sortOf(key, partition), entry));
  }
  return { items };
}

/** One page of everything, in key order. */
export function scanRecords<T>({ records, clock, moment }: Reading, options: ScanOptions = {}): Page<T> {
  const limit = pageSize(options);
  const range =
    options.cursor === undefined
      ? {}
      : { start: recordKey(decodeScanCursor(options.cursor)), exclusiveStart: true };
  const items: StoredRecord<T>[] = [];
  for (const { key, value } of records.getRange({ ...range, ...moment })) {
    const entry = decodeEntry(value);
    if (entry.expiresAt !== undefined && entry.expiresAt * 1000 <= clock.now()) continue;
    const last = items[limit - 1];
    if (last !== undefined) return { items, cursor: encodeScanCursor(last) };
    const { partition, sort } = keyOf(key);
    items.push(toRecord<T>(partition, sort, entry));
  }
  return { items };
}
