import { createAudit } from '../../audit/index.ts';
import { type Config, ConfigError } from '../../config/index.ts';
import { masterKeyPath, readMasterKey } from '../../config/master-key.ts';
import { wasOperatorTokenMade } from '../../http/operator-token.ts';
import type { Clock } from '../../kernel/clock.ts';
import { systemIds } from '../../kernel/ids.ts';
import { checkDataFile, dataFilePath } from '../../storage/lmdb/data-file.ts';
import { openLmdbStoreForReading } from '../../storage/lmdb/read-only.ts';
import { StorageError, type Store } from '../../storage/port.ts';
import { checkMasterKey, MasterKeyError } from '../../trust/index.ts';
import { Failure, systemReason } from '../failure.ts';
import { storeFailure } from '../start-failure.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';
import { judgeClock } from './clock.ts';
import { sizeOf } from './disk.ts';

export interface StoreFindings {
  readonly checks: readonly Check[];
  readonly wasOperatorTokenMade: boolean;
}

/** Looks into the store, also while a broker has it open: LMDB lets several processes do so. Writes nothing. */
export async function examineEmbeddedStore(config: Config, clock: Clock): Promise<StoreFindings> {
  const unopened = { wasOperatorTokenMade: false };
  const path = dataFilePath(config.BROKER_DATA_DIR);
  try {
    const file = checkDataFile(path);
    if (file === undefined) {
      const checks = [
        ok('store', 'there is none yet; the first start makes it'),
        await checkKey(config, undefined),
        judgeClock(clock.now(), undefined),
      ];
      return { ...unopened, checks };
    }
    // Not opened: LMDB would end this process at the first page that is missing.
    if (file.isShort) return { ...unopened, checks: [short(path)] };
    const store = await openLmdbStoreForReading({ clock, directory: config.BROKER_DATA_DIR });
    try {
      const checks = [
        ok('store', `${path} opens (${sizeOf(file.bytes)})`),
        await checkKey(config, store),
        judgeClock(clock.now(), await newestEntry(store, clock)),
      ];
      return { checks, wasOperatorTokenMade: await wasOperatorTokenMade(store) };
    } finally {
      await store.close();
    }
  } catch (error) {
    return { ...unopened, checks: [unusable(path, error)] };
  }
}

function short(path: string): Check {
  return warn(
    'store',
    `${path} ends before the last page that it speaks of, so it was not opened`,
    'After a power failure the next start goes back to the last synced state. If it was copied, the copy was cut: copy it again.',
  );
}

function unusable(path: string, error: unknown): Check {
  return error instanceof StorageError
    ? failOf('store', storeFailure(error))
    : fail(
        'store',
        `${path} cannot be read: ${systemReason(error)}`,
        'Check its owner and permissions, or put a backup in its place.',
      );
}

async function checkKey(config: Config, store: Store | undefined): Promise<Check> {
  const name = 'master key';
  try {
    const masterKey = await readMasterKey(config);
    const source =
      config.BROKER_MASTER_KEY === undefined ? masterKeyPath(config.BROKER_DATA_DIR) : 'BROKER_MASTER_KEY';
    if (masterKey === undefined && store === undefined)
      return ok(name, 'there is none yet; the first start makes it');
    if (masterKey === undefined)
      return fail(
        name,
        `there is a store, but its key ${source} is gone`,
        'Put the file back, or set BROKER_MASTER_KEY to what it held: another key cannot open what is there.',
      );
    const fit = store === undefined ? 'none' : await checkMasterKey({ store, masterKey });
    return ok(
      name,
      fit === 'fits'
        ? `${source} opens the store’s keys`
        : `${source}; there are no keys yet that it must open`,
    );
  } catch (error) {
    if (error instanceof ConfigError || error instanceof MasterKeyError)
      return failOf(name, new Failure('configuration', error.message));
    throw error;
  }
}

/** Epoch milliseconds. Ids are in order of time, so the last one is the newest. */
async function newestEntry(store: Store, clock: Clock): Promise<number | undefined> {
  const page = await createAudit({ store, clock, ids: systemIds }).list({ limit: 1 });
  return page.items[0]?.value.at;
}
