import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UsageRecord } from '../../src/billing/usage-record.ts';
import { usageShards } from '../../src/billing/usage-repository.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { eventsOf, openLine, say } from '../support/a2a.ts';
import {
  type AgentCall,
  answer,
  openStream,
  scriptedAgent,
  type ScriptedAgent,
  sendEvent,
  task,
} from '../support/agent.ts';
import { runBroker } from '../support/broker-in-process.ts';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { agentUnderLoad, createLoad } from '../support/load.ts';
import { call, cardFor, openMarket } from '../support/market.ts';
import { usageByApi, verifyByApi, verifyInStore } from './verify-load.ts';

let agent: ScriptedAgent;
let directory: string;

beforeEach(async () => {
  agent = await scriptedAgent();
  directory = await mkdtemp(join(tmpdir(), 'broker-stop-'));
});
afterEach(async () => {
  await agent.close();
  await rm(directory, { recursive: true, force: true });
});

/** A provider's web server that is slow to give its card. */
async function slowCards(): Promise<{ url: string; asked: ServerResponse[]; close: () => void }> {
  const asked: ServerResponse[] = [];
  const server = createServer((_, response) => void asked.push(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/card.json`, asked, close: () => server.close() };
}

describe('SIGTERM', () => {
  it('under load: running answers end, nothing new is let in, nothing acknowledged is lost', async () => {
    const port = await freePort();
    const broker = await startBroker({ directory, port });
    const market = await openMarket({ url: broker.url, token: operatorToken }, agent.url);
    await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
    const tenants = [await market.addTenant('acme'), await market.addTenant('globex')];
    const patient = await openLine(market, await market.addTenant('patient'));
    const cards = await slowCards();

    const held: AgentCall[] = [];
    agent.on((received) => {
      if (received.body.includes('hold')) held.push(received);
      else agentUnderLoad(received);
    });
    const load = createLoad(market, tenants, 'searches');
    load.start();
    const unary = Array.from({ length: 5 }, () => patient.call('SendMessage', say('hold')));
    const streams = Array.from({ length: 3 }, () => patient.open('SendStreamingMessage', say('hold')));
    const registering = call(market, 'POST', '/v1/providers/skyways/agents', {
      id: 'slow',
      cardUrl: cards.url,
    });
    await expect.poll(() => [held.length, cards.asked.length], { timeout: 10_000 }).toEqual([8, 1]);
    const streaming = held.filter(({ rpc }) => rpc.method === 'SendStreamingMessage');
    for (const [n, received] of streaming.entries()) {
      openStream(received);
      sendEvent(received, { task: task(`held-${n}`) });
    }
    const opened = (await Promise.all(streams)).map(eventsOf);
    for (const events of opened) expect((await events.next()).value?.data).toContain('held-');
    await expect.poll(() => load.acknowledged.calls.length, { timeout: 10_000 }).toBeGreaterThan(10);

    const exit = broker.stop();
    await expect
      .poll(
        () =>
          fetch(`${broker.url}/healthz`).then(
            () => 'open',
            () => 'refused',
          ),
        { timeout: 5000 },
      )
      .toBe('refused');
    await load.stop();
    for (const received of held.filter(({ rpc }) => rpc.method === 'SendMessage'))
      answer(received, { message: { messageId: 'at last', role: 'ROLE_AGENT', parts: [] } });
    for (const [n, received] of streaming.entries()) {
      sendEvent(received, { task: task(`held-${n}`, 'TASK_STATE_COMPLETED') });
      received.response.end();
    }
    cards.asked[0]?.end(JSON.stringify(cardFor('http://127.0.0.1:9/slow')));

    for (const got of await Promise.all(unary))
      expect(got.body.result).toMatchObject({ message: { messageId: 'at last' } });
    for (const events of opened) {
      expect((await events.next()).value?.data).toContain('TASK_STATE_COMPLETED');
      expect((await events.next()).done).toBe(true);
    }
    expect(await registering).toMatchObject({ id: 'skyways/slow' });
    expect(await exit).toBe(0);
    cards.close();

    const { acknowledged } = load;
    // A call that comes on an open connection is refused in a way that says to try again.
    expect(acknowledged.surprises.filter((surprise) => !surprise.includes('BROKER_UNAVAILABLE'))).toEqual([]);
    expect(acknowledged.cutOff).toEqual([]);
    expect(broker.output()).not.toMatch(/"level":"(?:error|fatal)"(?!.*BROKER_UNAVAILABLE)/);

    const again = await startBroker({ directory, port });
    expect(await call(market, 'GET', '/v1/agents/skyways/slow')).toMatchObject({ id: 'skyways/slow' });
    await verifyByApi(market, acknowledged, tenants);
    const usage = await usageByApi(market);
    expect(usage['patient']).toMatchObject({ calls: '8', stream_events: '6', tasks: '3' });
    expect(await again.stop()).toBe(0);
    expect(await verifyInStore(directory, acknowledged)).toEqual(usage);
  }, 60_000);
});

describe('stopping', () => {
  it('ends what does not end by itself, says how to go on, and counts what was passed on', async () => {
    const store = openMemoryStore({ clock: systemClock });
    const broker = await runBroker({
      store: { ...store, close: () => Promise.resolve() },
      limits: { drain: 100 },
    });
    const market = await openMarket(broker, agent.url);
    const line = await openLine(market, await market.addTenant('acme'));
    const arrived: AgentCall[] = [];
    agent.on((received) => void arrived.push(received));
    const opening = line.open('SendStreamingMessage', say('go'));
    const waiting = line.call('SendMessage', say('hi'));
    await expect.poll(() => arrived.length).toBe(2);
    const streaming = arrived.find(({ rpc }) => rpc.method === 'SendStreamingMessage');
    if (streaming === undefined) throw new Error('the stream did not arrive');
    openStream(streaming);
    sendEvent(streaming, { task: task('unfinished') });
    const events = eventsOf(await opening);
    expect((await events.next()).value?.data).toContain('unfinished');

    await broker.close();
    const last = (await events.next()).value;
    expect(last?.event).toBe('error');
    expect(last?.data).toContain('SubscribeToTask');
    expect((await events.next()).done).toBe(true);
    expect(await waiting).toMatchObject({ status: 502, reason: 'UPSTREAM_UNREACHABLE' });
    const [period] = (await store.list('usage-periods')).items;
    const { items } = await store.list<UsageRecord>(usageShards(period?.sort ?? '', 'acme').all);
    expect(items.map(({ value }) => value.quantities)).toMatchObject([
      { calls: '1' },
      { stream_events: '1', bytes_out: expect.stringMatching(/^[1-9]/) as string },
    ]);
  });
});
