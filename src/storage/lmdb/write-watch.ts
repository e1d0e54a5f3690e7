import { StorageError } from '../port.ts';

/** Follows LMDB's writes, and says what a failure means. */
export interface WriteWatch {
  /** The outcome in bounded time. Throws {@link StorageError} `unavailable` unless the write is known to be durable. */
  settle<T>(written: Promise<T>): Promise<T>;
  /** LMDB takes no writes any more: only a restart helps, which finds its last synced state. */
  isStuck(): boolean;
}

/** ENOSPC, EDQUOT, and EIO, which LMDB also says when a page was written in part. Linux numbers. */
const maybeFullDisk: ReadonlySet<unknown> = new Set([28, 122, 5]);

/**
 * A failed write leaves LMDB at its last synced state, and the next one may succeed: room comes back. But when its meta page
 * could not be written, LMDB refuses for ever, and lmdb then never settles a promise again. So a write that does not come back
 * after one that failed is taken as the end; one that is merely slow is not.
 */
export function createWriteWatch(timeoutMs: number): WriteWatch {
  let lastFailed = false;
  let stuck = false;

  async function settle<T>(written: Promise<T>): Promise<T> {
    const outcome = await within(written, timeoutMs);
    if (outcome === late) {
      stuck ||= lastFailed;
      throw new StorageError('unavailable', `the store did not write within ${timeoutMs} ms`);
    }
    lastFailed = false;
    return outcome;
  }

  return {
    isStuck: () => stuck,
    async settle(written) {
      try {
        return await settle(written);
      } catch (error) {
        // A refusal of our own inside the transaction: LMDB commits without it.
        if (error instanceof StorageError) throw error;
        const cause = await causeOf(error);
        lastFailed = cause !== undefined;
        throw new StorageError('unavailable', messageFor(cause), cause ?? error);
      }
    },
  };
}

const late = Symbol('late');

async function within<T>(written: Promise<T>, timeoutMs: number): Promise<T | typeof late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof late>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, late);
  });
  try {
    return await Promise.race([written, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** lmdb tells the cause by a promise that rejects a moment later; left alone, it ends the process as an unhandled rejection. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return undefined;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function messageFor(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && maybeFullDisk.has(cause.code)
    ? 'nothing was written: the disk is full or failing; with room, writes work again'
    : 'the store could not write';
}
