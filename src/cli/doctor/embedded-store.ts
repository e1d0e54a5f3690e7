import { resolve } from 'node:path';
import type { Config } from '../../config/index.ts';
import { wasOperatorTokenMade } from '../../http/operator-token.ts';
import type { Clock } from '../../kernel/clock.ts';
import { checkDataFile, dataFilePath } from '../../storage/lmdb/data-file.ts';
import { openLmdbStoreForReading } from '../../storage/lmdb/read-only.ts';
import { StorageError } from '../../storage/port.ts';
import { systemReason } from '../failure.ts';
import { storeFailure } from '../start-failure.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';
import { sizeOf } from './disk.ts';
import { examineContents, type StoreFindings } from './store-contents.ts';

/** Looks into the store, also while a broker has it open: LMDB lets several processes do so. Writes nothing. */
export async function examineEmbeddedStore(given: Config, clock: Clock): Promise<StoreFindings> {
  const config = { ...given, BROKER_DATA_DIR: resolve(given.BROKER_DATA_DIR) };
  const unopened = { wasOperatorTokenMade: false };
  const path = dataFilePath(config.BROKER_DATA_DIR);
  try {
    const file = checkDataFile(path);
    if (file === undefined) {
      const checks = [
        ok('store', 'there is none yet; the first start makes it'),
        ...(await examineContents(config, undefined, clock)),
      ];
      return { ...unopened, checks };
    }
    // Not opened: LMDB would end this process at the first page that is missing.
    if (file.isShort) return { ...unopened, checks: [short(path)] };
    const store = await openLmdbStoreForReading({ clock, directory: config.BROKER_DATA_DIR });
    try {
      const checks = [
        ok('store', `${path} opens (${sizeOf(file.bytes)})`),
        ...(await examineContents(config, store, clock)),
      ];
      return { checks, wasOperatorTokenMade: await wasOperatorTokenMade(store) };
    } finally {
      await store.close();
    }
  } catch (error) {
    return { ...unopened, checks: [unusable(path, error, config)] };
  }
}

function short(path: string): Check {
  return warn(
    'store',
    `${path} ends before the last page that it speaks of, so it was not opened`,
    'After a power failure the next start goes back to the last synced state. If it was copied, the copy was cut: copy it again.',
  );
}

function unusable(path: string, error: unknown, config: Config): Check {
  return error instanceof StorageError
    ? failOf('store', storeFailure(error, config))
    : fail(
        'store',
        `${path} cannot be read: ${systemReason(error)}`,
        'Check its owner and permissions, or put a backup in its place.',
      );
}
