import { constants } from 'node:fs';
import { access, link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TransferError } from './transfer-error.ts';

export interface Publishing {
  /** A file that is whole and on the disk, in the directory of `path`. */
  readonly draft: string;
  readonly path: string;
  /** Puts it in the place of another. */
  readonly force: boolean;
  /** Default: the system's. */
  readonly link?: typeof link;
}

/** File systems without links (FAT, some of networks) say one of these. */
const hasNoLinks = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'];
/** Those that cannot sync a directory. */
const hasNoSync = ['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR'];

/** Gives it its name, for good. Throws {@link TransferError} `file_exists`; then the draft is still there. */
export async function publishFile({ draft, path, force, link: make = link }: Publishing): Promise<void> {
  if (force) await rename(draft, path);
  else {
    try {
      // Unlike a renaming it is never made over another file, also not over one that came just now.
      await make(draft, path);
      await unlink(draft);
    } catch (error) {
      if (isCode(error, ['EEXIST'])) throw inTheWay(path);
      if (!isCode(error, hasNoLinks)) throw error;
      await refuseExisting(path);
      await rename(draft, path);
    }
  }
  await syncDirectory(dirname(path));
}

/** Throws {@link TransferError} `file_exists`. */
export async function refuseExisting(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw inTheWay(path);
}

/** A name is safe only with the directory that it is in. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } catch (error) {
    if (!isCode(error, hasNoSync)) throw error;
  } finally {
    await directory.close();
  }
}

function isCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

function inTheWay(path: string): TransferError {
  return new TransferError('file_exists', `there is a file ${path} already`);
}
