import { type Config, ConfigError } from '../config/index.ts';
import { readMasterKey } from '../config/master-key.ts';
import { systemClock } from '../kernel/clock.ts';
import { openForReading } from '../storage/open-store.ts';
import { checkMasterKey, localKeyEncryption, MasterKeyError } from '../trust/index.ts';
import type { CliIo } from './io.ts';

export type KeyJudgement = 'fits' | 'not needed' | 'missing' | 'does not fit';

/** Whether the master key that is here opens the private keys in the store. */
export async function judgeMasterKey(env: CliIo['env'], config: Config): Promise<KeyJudgement> {
  const store = await openForReading(config, systemClock);
  try {
    // In `config` there may be a stand-in for it.
    const masterKey = await readMasterKey({
      BROKER_MASTER_KEY: env['BROKER_MASTER_KEY'] || undefined,
      BROKER_DATA_DIR: config.BROKER_DATA_DIR,
    });
    if (masterKey === undefined) return 'missing';
    return (await checkMasterKey({ store, encryption: localKeyEncryption(masterKey) })) === 'fits'
      ? 'fits'
      : 'not needed';
  } catch (error) {
    if (error instanceof MasterKeyError || error instanceof ConfigError) return 'does not fit';
    throw error;
  } finally {
    await store.close();
  }
}
