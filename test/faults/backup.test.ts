import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cli } from '../cli/run.ts';
import { scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { agentUnderLoad, createLoad } from '../support/load.ts';
import { openMarket } from '../support/market.ts';
import { cents, openShop } from './shop.ts';
import { closeAll, usageByApi, verifyByApi, verifyInStore } from './verify-load.ts';

let agent: ScriptedAgent;
let directory: string;
beforeEach(async () => {
  agent = await scriptedAgent();
  agent.on(agentUnderLoad);
  directory = await mkdtemp(join(tmpdir(), 'broker-backup-'));
});
afterEach(async () => {
  await agent.close();
  await rm(directory, { recursive: true, force: true });
});

it('a backup that was taken under load is a broker whose books tie out, with all that was acknowledged before', async () => {
  const port = await freePort();
  const [lost, found, file] = ['lost', 'found', 'backup.jsonl.gz'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const first = await startBroker({ directory: lost, port });
  const market = await openMarket({ url: first.url, token: operatorToken }, agent.url);
  const tenants = await openShop(market);
  const load = createLoad(market, tenants, 'searches');
  load.start();
  const { acknowledged } = load;
  await expect.poll(() => acknowledged.calls.length, { timeout: 20_000 }).toBeGreaterThan(20);
  await expect.poll(() => acknowledged.events.length, { timeout: 20_000 }).toBeGreaterThan(20);
  const before = {
    ...acknowledged,
    tokens: [...acknowledged.tokens],
    calls: [...acknowledged.calls],
    events: [...acknowledged.events],
  };
  expect(await cli(['backup', file], { env: { BROKER_DATA_DIR: lost } })).toMatchObject({ code: 0, err: '' });
  const during = acknowledged.calls.length;
  await expect.poll(() => acknowledged.calls.length, { timeout: 20_000 }).toBeGreaterThan(during + 5);
  await load.stop();
  expect(acknowledged.surprises).toEqual([]);
  await first.kill();

  await mkdir(found, { mode: 0o700 });
  await copyFile(join(lost, 'master.key'), join(found, 'master.key'));
  const restored = await cli(['restore', file, '--json'], { env: { BROKER_DATA_DIR: found } });
  expect(restored).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(restored.out)).toMatchObject({ masterKey: 'fits', resumed: false });
  const second = await startBroker({ directory: found, port });
  // Tokens of before count, what was used up stays used up, reports that are repeated are known.
  await verifyByApi(market, before, tenants);
  const usage = await usageByApi(market);
  const invoiced = await closeAll(market, cents);
  expect(await second.stop()).toBe(0);
  const fold = await verifyInStore(found, before);
  expect(usage).toEqual(fold);
  expect(invoiced).toEqual(
    Object.fromEntries(
      Object.entries(fold).map(([tenant, { calls, searches }]) => [tenant, { calls, searches }]),
    ),
  );
}, 120_000);
