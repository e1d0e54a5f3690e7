import type { Config } from '../config/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { openLmdbStore } from './lmdb/index.ts';
import { openLmdbStoreForReading } from './lmdb/read-only.ts';
import type { Store } from './port.ts';
import { refuseUnfinished } from './transfer/unfinished.ts';

export type StoreConfig = Pick<
  Config,
  'BROKER_STORE' | 'BROKER_DATA_DIR' | 'DYNAMODB_TABLE' | 'DYNAMODB_ENDPOINT' | 'AWS_REGION'
>;

/** The store for a broker. Throws `ConfigError` when it cannot be used as it is configured, or was not copied to its end. */
export async function openStore(config: StoreConfig, clock: Clock): Promise<Store> {
  const store = await openEngine(config, clock);
  try {
    await refuseUnfinished(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The engine that the configuration names, whatever is in it. Throws `ConfigError`. */
export async function openEngine(config: StoreConfig, clock: Clock): Promise<Store> {
  if (config.BROKER_STORE === 'lmdb') return openLmdbStore({ clock, directory: config.BROKER_DATA_DIR });
  // Only whoever uses it pays for loading the AWS SDK.
  const { startDynamoDbStore } = await import('./dynamodb/start.ts');
  return startDynamoDbStore({
    clock,
    table: config.DYNAMODB_TABLE ?? '',
    region: config.AWS_REGION,
    endpoint: config.DYNAMODB_ENDPOINT,
  });
}

/** For looking, beside a broker that runs: on LMDB as of this moment. Writes nothing, makes nothing. Throws as {@link openEngine}. */
export async function openForReading(config: StoreConfig, clock: Clock): Promise<Store> {
  return config.BROKER_STORE === 'lmdb'
    ? openLmdbStoreForReading({ clock, directory: config.BROKER_DATA_DIR, snapshot: true })
    : openEngine(config, clock);
}
