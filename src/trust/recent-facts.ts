import type { ReadOptions, StoredRecord } from '../storage/port.ts';
import { OAuthRefusal } from './errors.ts';

/** For the facts on which every call rests. Of several processes that share a store, each may have them up to 4 s old. */
export const recent: ReadOptions = { consistency: 'eventual' };

/**
 * Judges a record as it was known lately. A yes counts; a refusal only when the record has not changed since: so a
 * revocation is in force within seconds, and what was just mended (a new key, an enabled client) counts at once.
 */
export async function judgeRecent<T, R>(
  read: (options?: ReadOptions) => Promise<StoredRecord<T> | undefined>,
  judge: (value: T | undefined) => Promise<R>,
): Promise<R> {
  const known = await read(recent);
  try {
    return await judge(known?.value);
  } catch (error) {
    // Absence was read just now.
    if (!(error instanceof OAuthRefusal) || known === undefined) throw error;
    const now = await read();
    if (now?.version === known.version) throw error;
    return judge(now?.value);
  }
}
