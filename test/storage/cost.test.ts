import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { eventsOf, type Line, openLine, say } from '../support/a2a.ts';
import {
  type AgentCall,
  answer,
  openStream,
  scriptedAgent,
  type ScriptedAgent,
  sendEvent,
  task,
} from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { type Meter, meterClient, type Units } from '../support/dynamodb-meter.ts';
import { newTable, testClient, type TestTable } from '../support/dynamodb-table.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';

const times = 10;

describe.skipIf(dynamoDbEndpoint === undefined)('what a broker consumes of dynamodb', () => {
  let table: TestTable;
  let meter: Meter;
  let agent: ScriptedAgent;
  let broker: RunningBroker;
  let market: Market;
  let acme: MarketTenant;
  let line: Line;
  const measured: Record<string, Units> = {};

  beforeAll(async () => {
    table = await newTable(dynamoDbEndpoint ?? '');
    const client = testClient(dynamoDbEndpoint ?? '');
    meter = meterClient(client);
    agent = await scriptedAgent();
    broker = await runBroker({
      store: openDynamoDbStore({ clock: systemClock, client, table: table.table }),
    });
    market = await openMarket(broker, agent.url);
    await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
    acme = await market.addTenant('acme');
    // What is done once for a period, a user, a token: not part of what each call costs.
    line = await openLine(market, acme);
    agent.on((received) => answer(received, { task: finished(received) }));
    await line.call('SendMessage', say('warm up'));
  });
  afterAll(async () => {
    await broker.close();
    await agent.close();
    await table.drop();
    console.log(JSON.stringify(measured, null, 1));
  });

  async function consumes(name: string, count: number, work: () => Promise<unknown>, limit: Units) {
    const units = await meter.per(count, work);
    measured[name] = units;
    expect(units.write, `${name}: write units`).toBeLessThanOrEqual(limit.write);
    expect(units.read, `${name}: read units`).toBeLessThanOrEqual(limit.read);
    expect(units.write).toBeGreaterThan(0);
  }

  const repeat = async (work: () => Promise<unknown>) => {
    for (let time = 0; time < times; time++) await work();
  };
  let tasks = 0;
  const finished = (_: AgentCall) => task(`t-${++tasks}`, 'TASK_STATE_COMPLETED');

  it('for a token exchange', () =>
    consumes('exchange', times, () => repeat(() => market.callToken(acme)), { write: 100, read: 100 }));

  it('for the first call with a token', async () => {
    const lines: Line[] = [];
    await repeat(async () => lines.push(await openLine(market, acme)));
    await consumes(
      'first call with a token',
      times,
      async () => {
        for (const one of lines) await one.call('SendMessage', say('hi'));
      },
      { write: 100, read: 100 },
    );
  });

  it('for a call that is answered with a message', async () => {
    agent.on((received) => answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }));
    await consumes('unary call, message', times, () => repeat(() => line.call('SendMessage', say('hi'))), {
      write: 100,
      read: 100,
    });
  });

  it('for a call that makes and ends a task', async () => {
    agent.on((received) => answer(received, { task: finished(received) }));
    await consumes('unary call, task', times, () => repeat(() => line.call('SendMessage', say('hi'))), {
      write: 100,
      read: 100,
    });
  });

  it('for a stream that makes and ends a task', async () => {
    agent.on((received) => {
      openStream(received);
      const { id, contextId } = task(`t-${++tasks}`);
      for (const state of ['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING', 'TASK_STATE_COMPLETED'])
        sendEvent(received, { statusUpdate: { taskId: id, contextId, status: { state } } });
      received.response.end();
    });
    await consumes(
      'streamed call',
      times,
      () =>
        repeat(async () => {
          for await (const _ of eventsOf(await line.open('SendStreamingMessage', say('hi'))));
        }),
      { write: 100, read: 100 },
    );
  });

  it.each([1, 100])('for an event of usage, in a batch of %d', async (size) => {
    const delegation = sha256(String(decodeJwt(line.token).jti));
    const token = await market.providerToken();
    const send = async () => {
      const events = Array.from({ length: size }, () => ({
        specversion: '1.0',
        id: randomUUID(),
        source: `urn:${new URL(market.url).host}:provider:${market.provider}`,
        type: 'a2a.broker.usage.reported.v1',
        time: new Date().toISOString(),
        tenantid: acme.id,
        providerid: market.provider,
        agentid: market.agent,
        delegationid: delegation,
        data: { quantities: { searches: '1' } },
      }));
      const response = await fetch(`${market.url}/v1/usage/events`, {
        method: 'POST',
        headers: {
          'content-type': 'application/cloudevents-batch+json',
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify(events),
      });
      const text = await response.text();
      expect(text.match(/"accepted"/g)).toHaveLength(size);
    };
    await consumes(`usage event, in a batch of ${size}`, times * size, () => repeat(send), {
      write: 100,
      read: 100,
    });
  });
});
