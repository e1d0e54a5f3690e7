import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createBroker } from '../../src/main.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { createLog } from '../../src/telemetry/log.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'issuer-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('a start under another address than the first one is warned of', async () => {
  const memory = openMemoryStore({ clock: systemClock });
  const store = { ...memory, close: () => Promise.resolve() };
  const log = createLog({ level: 'silent' });
  const warn = vi.spyOn(log, 'warn');
  const start = async (BROKER_URL: string) => {
    const config = loadConfig({ BROKER_URL, BROKER_DATA_DIR: directory });
    await (await createBroker(config, { store, log })).close();
  };
  await start('http://localhost:8080');
  await start('http://localhost:8080');
  expect(warn).not.toHaveBeenCalled();
  await start('http://localhost:8091');
  await start('http://localhost:8091');
  expect(warn.mock.calls.map(([facts]) => facts)).toEqual(
    Array.from({ length: 2 }, () => ({
      knownAs: 'http://localhost:8080',
      BROKER_URL: 'http://localhost:8091',
    })),
  );
});
