import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Broker, createBroker, type Overrides } from '../../src/main.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { freePort, operatorToken } from './broker-process.ts';
import type { Operator } from './market.ts';

export interface RunningBroker extends Operator {
  readonly broker: Broker;
  close(): Promise<void>;
}

/**
 * A whole broker that listens on loopback, in this process; on memory unless the test brings a store. `settings` are of the
 * environment: two that share a store need the same `BROKER_URL` and `BROKER_MASTER_KEY`.
 */
export async function runBroker(
  overrides: Overrides = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningBroker> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const directory = await mkdtemp(join(tmpdir(), 'broker-'));
  const config = loadConfig({
    BROKER_URL: url,
    PORT: String(port),
    BROKER_DATA_DIR: directory,
    BROKER_OPERATOR_TOKEN: operatorToken,
    BROKER_ALLOW_PRIVATE_NETWORK: 'true',
    LOG_LEVEL: 'silent',
    ...settings,
  });
  const store = overrides.store ?? openMemoryStore({ clock: overrides.clock ?? systemClock });
  const broker = await createBroker(config, { ...overrides, store });
  await broker.listen();
  return {
    url,
    token: operatorToken,
    broker,
    close: async () => {
      await broker.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
