import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventEnvelope } from '../../src/events/port.ts';
import { type BrokerProcess, freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call } from '../support/market.ts';
import { type FakeEventBridge, fakeEventBridge } from './fake-eventbridge.ts';
import { firstArrivals } from './outbox-world.ts';

describe('a broker that is killed while the bus is down', () => {
  let directory: string;
  let fake: FakeEventBridge;
  let broker: BrokerProcess | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'broker-'));
    fake = await fakeEventBridge();
  });
  afterEach(async () => {
    await broker?.stop();
    await fake.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('tells everything that it acknowledged, in order, when it runs again', async () => {
    const options = {
      directory,
      port: await freePort(),
      env: {
        BROKER_EVENTS: 'eventbridge',
        EVENTBRIDGE_BUS: 'broker',
        EVENTBRIDGE_ENDPOINT: fake.url,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        LOG_LEVEL: 'silent',
      },
    };
    const tenants = ['acme', 'globex', 'initech'];
    fake.judge(() => ({ error: 'ThrottlingException' }));
    broker = await startBroker(options);
    const operator = { url: broker.url, token: operatorToken };
    for (const id of tenants) await call(operator, 'POST', '/v1/tenants', { id, name: id, tier: 'standard' });
    for (const tier of ['gold', 'silver', 'bronze'])
      await Promise.all(tenants.map((id) => call(operator, 'PATCH', `/v1/tenants/${id}`, { tier })));
    await vi.waitFor(() => expect(fake.requests.length).toBeGreaterThan(0));
    await broker.kill();

    fake.judge(() => undefined);
    broker = await startBroker(options);
    await vi.waitFor(() => expect(fake.taken.length).toBeGreaterThanOrEqual(12), {
      timeout: 90_000,
      interval: 20,
    });
    const events = fake.taken.map(({ Detail }) => JSON.parse(Detail) as EventEnvelope);
    expect(Object.fromEntries(firstArrivals(events))).toEqual(
      Object.fromEntries(tenants.map((id) => [`tenant:${id}`, [1, 2, 3, 4]])),
    );
  }, 120_000);
});
