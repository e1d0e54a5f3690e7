import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
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
  directory = await mkdtemp(join(tmpdir(), 'broker-kill-'));
});
afterEach(async () => {
  await agent.close();
  await rm(directory, { recursive: true, force: true });
});

const rounds = 4;
/** On a machine that is busy with other things, fewer rounds have to do; at least two. */
const roundsMs = 15_000;
it('kill -9 under load, again and again: what was acknowledged is there, once', async () => {
  const port = await freePort();
  let broker = await startBroker({ directory, port });
  const market = await openMarket({ url: broker.url, token: operatorToken }, agent.url);
  const tenants = await openShop(market);
  const load = createLoad(market, tenants, 'searches');
  load.start();
  const started = performance.now();
  for (let round = 0; round < rounds && (round < 2 || performance.now() - started < roundsMs); round++) {
    if (round > 0) broker = await startBroker({ directory, port });
    const before = load.acknowledged.calls.length;
    await expect.poll(() => load.acknowledged.calls.length, { timeout: 10_000 }).toBeGreaterThan(before + 10);
    // At any moment, whatever is being written then.
    await delay(Math.random() * 500);
    await broker.kill();
  }
  await load.stop();

  const { acknowledged } = load;
  expect(acknowledged.surprises).toEqual([]);
  for (const kind of ['tokens', 'calls', 'events'] as const)
    expect(acknowledged[kind].length).toBeGreaterThan(rounds);
  broker = await startBroker({ directory, port });
  await verifyByApi(market, acknowledged, tenants);
  const usage = await usageByApi(market);
  const invoiced = await closeAll(market, cents);
  expect(await broker.stop()).toBe(0);

  const fold = await verifyInStore(directory, acknowledged);
  expect(usage).toEqual(fold);
  expect(invoiced).toEqual(
    Object.fromEntries(
      Object.entries(fold).map(([tenant, { calls, searches }]) => [tenant, { calls, searches }]),
    ),
  );
}, 120_000);
