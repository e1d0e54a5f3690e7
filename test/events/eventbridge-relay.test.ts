import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventBridgeBus } from '../../src/events/eventbridge/index.ts';
import { shardOf } from '../../src/events/outbox-repository.ts';
import type { EventBus, EventEnvelope } from '../../src/events/port.ts';
import { createRelay, type Relay } from '../../src/events/relay-outbox.ts';
import { ringOnCommit } from '../../src/events/ring-on-commit.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import type { Store } from '../../src/storage/port.ts';
import { engines } from '../support/stores.ts';
import { type FakeEventBridge, fakeEventBridge } from './fake-eventbridge.ts';
import { changeTenant, firstArrivals, silent, waiting } from './outbox-world.ts';

describe.each(engines)('from $name to EventBridge', (engine) => {
  let store: Store;
  let dispose: () => Promise<void>;
  let fake: FakeEventBridge;
  let bus: EventBus;
  let relay: Relay;
  beforeEach(async () => {
    ({ store, dispose } = await engine.open(clock));
    fake = await fakeEventBridge();
    bus = createEventBridgeBus({
      log: silent,
      bus: 'broker',
      region: 'eu-central-1',
      endpoint: fake.url,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      timeoutMs: 1000,
    });
    relay = createRelay({ store, bus, clock, log: silent, random: () => 0 });
  });
  afterEach(async () => {
    await relay.stop();
    await bus.close();
    await fake.close();
    await dispose();
  });

  it('brings everything, each subject in order, through every fault', async () => {
    const shard = shardOf('tenant:t0');
    // On one shard, so that they share requests and meet the same faults.
    const tenants = Array.from({ length: 100 }, (_, index) => `t${index}`)
      .filter((tenant) => shardOf(`tenant:${tenant}`) === shard)
      .slice(0, 5);
    const through = ringOnCommit(store, (at) => relay.wake(at));
    fake.script(
      { entries: [undefined, 'InternalFailure', undefined, 'ThrottlingException'] },
      'take-and-drop',
      { error: 'ThrottlingException' },
      { entries: ['InvalidArgument', undefined, 'InternalFailure'] },
      { error: 'InternalFailure', status: 500 },
      'drop',
      { entries: ['InternalFailure', 'InternalFailure', undefined] },
      'hang',
      { entries: [undefined, 'MalformedDetail'] },
      'garbage',
    );
    for (const tenant of tenants) await changeTenant(through, clock, tenant);
    relay.start();
    for (let round = 0; round < 5; round++)
      for (const tenant of tenants) await changeTenant(through, clock, tenant);
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), { timeout: 50_000, interval: 20 });

    const events = fake.taken.map(({ Detail }) => JSON.parse(Detail) as EventEnvelope);
    expect(Object.fromEntries(firstArrivals(events))).toEqual(
      Object.fromEntries(tenants.map((tenant) => [`tenant:${tenant}`, [1, 2, 3, 4, 5, 6]])),
    );
    // Only what was taken and not confirmed came again.
    expect(events.length).toBeGreaterThan(30);
    expect(events.length).toBeLessThanOrEqual(30 + 10);
  }, 60_000);
});
