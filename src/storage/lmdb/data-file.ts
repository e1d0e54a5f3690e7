import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../port.ts';

/** Where LMDB (data version 2) keeps what in each of its meta pages; all numbers little-endian. */
const layout = {
  magic: 24,
  version: 28,
  pageSize: 48,
  roots: [88, 136],
  lastPage: 144,
  txnid: 152,
  end: 160,
} as const;
const magic = 0xbeefc0de;
const dataVersion = 2;
const noPage = 0xffff_ffff_ffff_ffffn;

export interface DataFile {
  readonly bytes: number;
  /**
   * Whether it ends before the last page that it speaks of. A whole file may (freed pages at its end were never written, or a power
   * failure came before they were); a copy that was cut does.
   */
  readonly isShort: boolean;
}

export function dataFilePath(directory: string): string {
  return join(directory, 'broker.mdb');
}

/**
 * Looks at a data file before LMDB does, which ends the process (SIGSEGV, SIGBUS) when the file is not its own or was cut.
 * `undefined`: there is none yet. Throws `StorageError` `corrupt`, and the system's own errors.
 */
export function checkDataFile(path: string): DataFile | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const bytes = fstatSync(file).size;
    if (bytes === 0) return undefined;
    const first = readMeta(file, 0);
    if (first === undefined || !first.isLmdb)
      throw new StorageError('corrupt', `${path} is not a store of this broker`);
    const { pageSize } = first;
    const second = readMeta(file, pageSize);
    const newest = second !== undefined && second.txnid > first.txnid ? second : first;
    // With overlapping sync the two may be ahead of the disk; what LMDB goes back to after a power failure is between them.
    const synced = readMeta(file, pageSize / 2);
    const safe = synced !== undefined && synced.txnid > 0n ? synced : newest;
    const pages = BigInt(Math.floor(bytes / pageSize));
    if (safe.roots.some((root) => root !== noPage && root >= pages))
      throw new StorageError('corrupt', `${path} is not whole: it ends before what it refers to`);
    return { bytes, isShort: newest.lastPage >= pages };
  } finally {
    closeSync(file);
  }
}

/**
 * Whether LMDB may lock: it ends the process when it may not. Only looks, as closing a file gives up the locks that this process has
 * on it. Throws `StorageError` `unavailable`, and the system's own errors.
 */
export function checkLockFile(dataFile: string): void {
  const path = `${dataFile}-lock`;
  if (!existsSync(path)) return;
  if (!statSync(path).isFile()) throw new StorageError('unavailable', `${path} is not a file`);
  accessSync(path, constants.R_OK | constants.W_OK);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function readMeta(file: number, offset: number) {
  const page = Buffer.alloc(layout.end);
  if (readSync(file, page, 0, layout.end, offset) < layout.end) return undefined;
  return {
    /** Written on the first page only. */
    isLmdb: page.readUInt32LE(layout.magic) === magic && page.readUInt16LE(layout.version) === dataVersion,
    pageSize: page.readUInt32LE(layout.pageSize),
    roots: layout.roots.map((at) => page.readBigUInt64LE(at)),
    lastPage: page.readBigUInt64LE(layout.lastPage),
    txnid: page.readBigUInt64LE(layout.txnid),
  };
}
