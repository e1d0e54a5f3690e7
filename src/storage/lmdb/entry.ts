import { StorageError, type StoredRecord } from '../port.ts';

/** A stored record: `version expiry json`, separated by single spaces; expiry is `-` when there is none. */
export interface Entry {
  readonly version: string;
  readonly expiresAt: number | undefined;
  readonly json: string;
}

export function encodeEntry(version: string, expiresAt: number | undefined, json: string): string {
  return `${version} ${expiresAt ?? '-'} ${json}`;
}

export function decodeEntry(text: string): Entry {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  if (first < 1 || second < 0)
    throw new StorageError('corrupt', 'a record is not in the form this version writes');
  const expiry = text.slice(first + 1, second);
  return {
    version: text.slice(0, first),
    expiresAt: expiry === '-' ? undefined : Number(expiry),
    json: text.slice(second + 1),
  };
}

export function toRecord<T>(partition: string, sort: string, entry: Entry): StoredRecord<T> {
  const value = parse(entry.json) as T;
  return entry.expiresAt === undefined
    ? { partition, sort, version: entry.version, value }
    : { partition, sort, version: entry.version, value, expiresAt: entry.expiresAt };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new StorageError('corrupt', 'a record’s value is not JSON', error);
  }
}
