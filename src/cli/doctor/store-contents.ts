import { createAudit } from '../../audit/index.ts';
import { type Config, ConfigError } from '../../config/index.ts';
import { masterKeyPath, previousMasterKey, readMasterKey } from '../../config/master-key.ts';
import type { Clock } from '../../kernel/clock.ts';
import { systemIds } from '../../kernel/ids.ts';
import type { Store } from '../../storage/port.ts';
import { findUnfinished, unfinishedMessage } from '../../storage/transfer/unfinished.ts';
import { checkMasterKey, localKeyEncryption, MasterKeyError } from '../../trust/index.ts';
import { Failure } from '../failure.ts';
import { type Check, fail, failOf, ok } from './check.ts';
import { judgeClock } from './clock.ts';

export interface StoreFindings {
  readonly checks: readonly Check[];
  readonly wasOperatorTokenMade: boolean;
}

/** What any store tells: whether it was copied to its end, the master key is its own, and the clock not behind it. */
export async function examineContents(
  config: Config,
  store: Store | undefined,
  clock: Clock,
): Promise<readonly Check[]> {
  const unfinished = store === undefined ? undefined : await findUnfinished(store);
  return [
    ...(unfinished === undefined ? [] : [fail('store contents', unfinishedMessage(unfinished.value))]),
    await checkKey(config, store),
    judgeClock(clock.now(), store === undefined ? undefined : await newestEntry(store, clock)),
  ];
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
    const fit =
      store === undefined
        ? 'none'
        : await checkMasterKey({
            store,
            encryption: localKeyEncryption(masterKey, previousMasterKey(config)),
          });
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
