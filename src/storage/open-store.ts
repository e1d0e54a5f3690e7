import type { Config } from '../config/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { openLmdbStore } from './lmdb/index.ts';
import type { Store } from './port.ts';

export type StoreConfig = Pick<
  Config,
  'BROKER_STORE' | 'BROKER_DATA_DIR' | 'DYNAMODB_TABLE' | 'DYNAMODB_ENDPOINT' | 'AWS_REGION'
>;

/** The engine that the configuration names. Throws `ConfigError` when it cannot be used as it is configured. */
export async function openStore(config: StoreConfig, clock: Clock): Promise<Store> {
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
