import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDynamoDbStore } from '../../src/storage/dynamodb/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Line, openLine, say } from '../support/a2a.ts';
import { scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { newTable, testClient, type TestTable } from '../support/dynamodb-table.ts';
import { type FaultProxy, faults, startFaultProxy } from '../support/fault-proxy.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';

describe.skipIf(dynamoDbEndpoint === undefined)('a broker whose dynamodb is throttled', () => {
  let table: TestTable;
  let proxy: FaultProxy;
  let agent: ScriptedAgent;
  let broker: RunningBroker;
  let market: Market;
  let acme: MarketTenant;
  let line: Line;

  beforeAll(async () => {
    proxy = await startFaultProxy(dynamoDbEndpoint ?? '');
    table = await newTable(dynamoDbEndpoint ?? '');
    const store = openDynamoDbStore({
      clock: systemClock,
      client: testClient(proxy.endpoint),
      table: table.table,
      retry: { budgetMs: 100 },
    });
    agent = await scriptedAgent();
    broker = await runBroker({ store });
    market = await openMarket(broker, agent.url);
    acme = await market.addTenant('acme');
    line = await openLine(market, acme);
  });
  afterAll(async () => {
    proxy.next();
    await broker.close();
    await agent.close();
    await table.drop();
    await proxy.close();
  });
  beforeEach(() => proxy.next());

  const operator = () => ({ authorization: `Bearer ${market.token}`, 'content-type': 'application/json' });

  const surfaces: readonly [string, () => Promise<Response>][] = [
    ['a read', () => fetch(`${market.url}/v1/tenants/acme`, { headers: operator() })],
    [
      'a write',
      () =>
        fetch(`${market.url}/v1/tenants/acme`, {
          method: 'PATCH',
          headers: operator(),
          body: JSON.stringify({ name: 'Acme' }),
        }),
    ],
    ['a token exchange', () => market.exchange(acme)],
    ['a relayed call', () => line.open('SendMessage', say('hi'))],
  ];

  it.each(surfaces)('answers %s with 503 and Retry-After, and works again afterwards', async (_, send) => {
    proxy.decide(() => faults.throttled);
    const refused = await send();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).not.toContain('ProvisionedThroughput');
    proxy.next();
    const answered = await send();
    await answered.text();
    expect(answered.status).toBe(200);
  });

  it('passes no answer of an agent on whose usage could not be written', async () => {
    // The agent's token is made with the first call.
    await line.call('SendMessage', say('hi'));
    proxy.decide(({ operation }) => (operation === 'TransactWriteItems' ? faults.throttled : undefined));
    const before = agent.calls.length;
    const refused = await line.call('SendMessage', say('hi'));
    expect(agent.calls.length).toBe(before + 1);
    expect(refused).toMatchObject({ status: 503, reason: 'BROKER_UNAVAILABLE' });
    expect(refused.headers.get('retry-after')).toBe('1');
  });

  it('says that it is not ready', async () => {
    proxy.decide(() => faults.throttled);
    expect((await fetch(`${market.url}/readyz`)).status).toBe(503);
    proxy.next();
    expect((await fetch(`${market.url}/readyz`)).status).toBe(200);
    expect(await call(market, 'GET', '/healthz')).toEqual({ status: 'ok' });
  });
});
