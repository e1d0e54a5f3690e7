import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  type BackupHeader,
  type BackupTrailer,
  maxLineBytes,
  type Parsed,
  parseHeader,
  parseLine,
  type PlainRecord,
} from '../backup-format.ts';
import { linesOf } from './lines.ts';
import { TransferError } from './transfer-error.ts';

export interface BackupFacts extends BackupHeader, BackupTrailer {}

/**
 * The records of a backup, in its order. Ends without an error only when the file is whole, and then gives its facts. Throws
 * {@link TransferError} `bad_file`, and the system's own errors.
 */
export async function* readBackup(path: string): AsyncGenerator<PlainRecord, BackupFacts> {
  const bad = (wrong: string, cause?: unknown): never => {
    throw new TransferError('bad_file', `${path} ${wrong}`, cause);
  };
  const right = <T extends object>(parsed: Parsed<T>): T =>
    'wrong' in parsed ? bad(parsed.wrong) : (parsed as T);
  const hash = createHash('sha256');
  let header: BackupHeader | undefined;
  let trailer: BackupTrailer | undefined;
  let count = 0;
  for await (const line of linesOf(bytesOf(path, bad), maxLineBytes, bad)) {
    const text = line.toString('utf8');
    if (header === undefined) {
      header = right(parseHeader(text));
      continue;
    }
    if (trailer !== undefined) bad('goes on after its end');
    const parsed = right(parseLine(text));
    if ('trailer' in parsed) {
      trailer = parsed.trailer;
      continue;
    }
    hash.update(line).update('\n');
    count++;
    yield parsed.record;
  }
  if (header === undefined) return bad('is empty');
  if (trailer === undefined) return bad('is cut off: it has no end');
  if (trailer.count !== count) bad(`has ${count} records, and its end speaks of ${trailer.count}`);
  if (trailer.sha256 !== hash.digest('hex')) bad('was changed: its digest is another');
  return { ...header, ...trailer };
}

/** Reads all of it, and keeps nothing. Throws as {@link readBackup}. */
export async function checkBackup(path: string, progress: (count: number) => void): Promise<BackupFacts> {
  const records = readBackup(path);
  for (let count = 1; ; count++) {
    const next = await records.next();
    if (next.done === true) return next.value;
    progress(count);
  }
}

async function* bytesOf(
  path: string,
  bad: (wrong: string, cause?: unknown) => never,
): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  if (!path.endsWith('.gz')) return yield* file as AsyncIterable<Buffer>;
  const output = new PassThrough();
  const done = pipeline(file, createGunzip(), output);
  // Told to whoever reads the output, too.
  done.catch(() => undefined);
  try {
    yield* output as AsyncIterable<Buffer>;
  } catch (error) {
    const isOfZlib =
      error instanceof Error && 'code' in error && /^Z_|^ERR_TRAILING/.test(String(error.code));
    if (isOfZlib) bad('is not whole: it cannot be decompressed', error);
    throw error;
  }
}
