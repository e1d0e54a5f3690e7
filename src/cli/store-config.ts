import { type Config, loadConfig } from '../config/index.ts';
import type { CliIo } from './io.ts';

/**
 * Which store is meant, checked as `serve` checks it. Secrets need not be here: what is done with the store's records does not need
 * them. Throws `ConfigError`.
 */
export function storeConfig(env: CliIo['env'], engine?: Config['BROKER_STORE']): Config {
  return loadConfig({
    ...env,
    ...(engine === undefined ? {} : { BROKER_STORE: engine }),
    BROKER_MASTER_KEY: Buffer.alloc(32).toString('base64url'),
    BROKER_OPERATOR_TOKEN: 'not-needed-for-work-on-the-store',
  });
}
