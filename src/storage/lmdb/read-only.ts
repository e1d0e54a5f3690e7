import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../../config/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import { dataFilePath } from './data-file.ts';
import { type LmdbStore, openLmdbStore } from './index.ts';

/**
 * A store for looking, beside a broker that runs or without one. Leaves nothing behind: where there is no lock file (a restored copy),
 * LMDB would make one beside the data, so it reads through a link from elsewhere. Throws `ConfigError` when there is no store.
 */
export async function openLmdbStoreForReading(options: {
  readonly clock: Clock;
  readonly directory: string;
  /** See `LmdbOptions`. */
  readonly snapshot?: boolean;
}): Promise<LmdbStore> {
  const path = dataFilePath(options.directory);
  if (!existsSync(path))
    throw new ConfigError(
      `There is no store in ${options.directory}: set BROKER_DATA_DIR to the directory of the broker.`,
    );
  if (existsSync(`${path}-lock`)) return openLmdbStore({ ...options, readOnly: true });
  const elsewhere = await mkdtemp(join(tmpdir(), 'a2a-broker-'));
  const forget = () => rm(elsewhere, { recursive: true, force: true });
  try {
    await symlink(resolve(path), dataFilePath(elsewhere));
    const store = openLmdbStore({ ...options, directory: elsewhere, readOnly: true });
    return {
      ...store,
      close: async () => {
        await store.close();
        await forget();
      },
    };
  } catch (error) {
    await forget();
    throw error;
  }
}
