import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts';
import { checkKey } from './limits.ts';
import { maxPartitionBytes, maxSortBytes, maxValueBytes, StorageError, type StoredRecord } from './port.ts';

/**
 * A backup is lines of JSON, each ended by a line feed: a header, one line a record, a trailer that has their number and the SHA-256
 * of their lines with the line feeds, in order. In a file whose name ends with `.gz` all of it is compressed.
 */
export const formatName = 'a2a-broker-backup';
export const formatVersion = 1;

/** A record as it is wherever it is kept; its version is the engine's own, and new in each. */
export type PlainRecord = Omit<StoredRecord<unknown>, 'version'>;

export interface BackupHeader {
  /** The version of the broker that wrote it. */
  readonly broker: string;
  /** When it was begun; ISO 8601. */
  readonly takenAt: string;
  readonly engine: string;
}

export interface BackupTrailer {
  readonly count: number;
  /** In hex. */
  readonly sha256: string;
}

/** No record's line is longer: a character of a key takes up to six bytes in JSON, and the rest is names. */
export const maxLineBytes = maxValueBytes + 6 * (maxPartitionBytes + maxSortBytes) + 200;

export function headerLine(header: BackupHeader): string {
  return `${JSON.stringify({ format: formatName, version: formatVersion, ...header })}\n`;
}

/** Always the same for the same record. */
export function recordLine({ partition, sort, value, expiresAt }: PlainRecord): string {
  return `${JSON.stringify({ partition, sort, value, expiresAt })}\n`;
}

export function trailerLine({ count, sha256 }: BackupTrailer): string {
  return `${JSON.stringify({ end: true, count, sha256 })}\n`;
}

/** A sentence without its subject and full stop says what is wrong. */
export type Parsed<T> = T | { readonly wrong: string };

export function parseHeader(text: string): Parsed<BackupHeader> {
  const header = parseJson(text);
  if (!isJsonObject(header) || header['format'] !== formatName)
    return { wrong: 'is not a backup of a broker' };
  const { version, broker, takenAt, engine } = header;
  if (version !== formatVersion)
    return {
      wrong: `has version ${JSON.stringify(version)} of the format, and this broker reads version ${formatVersion}`,
    };
  return typeof broker === 'string' && typeof takenAt === 'string' && typeof engine === 'string'
    ? { broker, takenAt, engine }
    : { wrong: 'has a header that is not whole' };
}

/** A line after the header. */
export function parseLine(text: string): Parsed<{ record: PlainRecord } | { trailer: BackupTrailer }> {
  const line = parseJson(text);
  if (!isJsonObject(line)) return { wrong: 'has a line that is not a JSON object' };
  return 'end' in line ? parseTrailer(line) : parseRecord(line);
}

function parseTrailer({ end, count, sha256 }: JsonObject): Parsed<{ trailer: BackupTrailer }> {
  return end === true && typeof count === 'number' && typeof sha256 === 'string'
    ? { trailer: { count, sha256 } }
    : { wrong: 'has an end that is not whole' };
}

function parseRecord(line: JsonObject): Parsed<{ record: PlainRecord }> {
  const { partition, sort, value, expiresAt, ...others } = line;
  if (typeof partition !== 'string' || typeof sort !== 'string' || value === undefined)
    return { wrong: 'has a line that is no record' };
  if (Object.keys(others).length > 0) return { wrong: 'has a record with members that are not known' };
  try {
    checkKey({ partition, sort });
    if (Buffer.byteLength(JSON.stringify(value)) > maxValueBytes)
      return { wrong: 'has a record that is too large' };
  } catch (error) {
    if (error instanceof StorageError) return { wrong: `has a wrong key: ${error.message}` };
    if (error instanceof RangeError) return { wrong: 'has a record that is too deep' };
    throw error;
  }
  if (expiresAt === undefined) return { record: { partition, sort, value } };
  return typeof expiresAt === 'number' && Number.isSafeInteger(expiresAt) && expiresAt > 0
    ? { record: { partition, sort, value, expiresAt } }
    : { wrong: 'has a record whose expiry is not in epoch seconds' };
}
