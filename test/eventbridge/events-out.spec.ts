import {
  CreateArchiveCommand,
  DescribeArchiveCommand,
  DescribeEventBusCommand,
} from '@aws-sdk/client-eventbridge';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventBridgeBus } from '../../src/events/eventbridge/index.ts';
import type { EventEnvelope } from '../../src/events/port.ts';
import { createRelay } from '../../src/events/relay-outbox.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { changeTenant, firstArrivals, silent, waiting } from '../events/outbox-world.ts';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call } from '../support/market.ts';
import { addRule, createBus, createQueue, credentials, endpoint, eventBridge, region } from './aws.ts';

interface Delivered {
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: EventEnvelope;
}

const delivered = (bodies: readonly string[]) => bodies.map((body) => JSON.parse(body) as Delivered);
const soon = { timeout: 30_000, interval: 50 };

let name: string;
beforeEach(() => {
  name = `broker-${randomUUID()}`;
});

describe('the relay and a bus that we did not write', () => {
  const open = () =>
    createEventBridgeBus({ log: silent, bus: name, region, endpoint: endpoint(), credentials });

  it('brings every event once, in order for each subject, and an archive has them all', async () => {
    await createBus(name);
    const queue = await createQueue(`${name}.fifo`);
    await addRule({ bus: name, pattern: { source: ['a2a.broker'] }, queue });
    const { Arn } = await eventBridge.send(new DescribeEventBusCommand({ Name: name }));
    const archive = name.slice(0, 48);
    await eventBridge.send(new CreateArchiveCommand({ ArchiveName: archive, EventSourceArn: Arn }));

    const store = openMemoryStore({ clock });
    for (let round = 0; round < 4; round++)
      for (let tenant = 0; tenant < 15; tenant++) await changeTenant(store, clock, `t${tenant}`);
    const bus = open();
    const relay = createRelay({ store, bus, clock, log: silent, random: Math.random });
    relay.start();
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), soon);
    await relay.stop();
    await bus.close();

    const events = delivered(await queue.receive(60)).map(({ detail }) => detail);
    expect(events).toHaveLength(60);
    expect(Object.fromEntries(firstArrivals(events))).toEqual(
      Object.fromEntries(Array.from({ length: 15 }, (_, tenant) => [`tenant:t${tenant}`, [1, 2, 3, 4]])),
    );
    const { EventCount } = await eventBridge.send(new DescribeArchiveCommand({ ArchiveName: archive }));
    expect(EventCount).toBe(60);
  });

  it('keeps the events while there is no such bus, and hands them over when there is', async () => {
    const store = openMemoryStore({ clock });
    await changeTenant(store, clock, 'acme');
    const bus = open();
    const relay = createRelay({ store, bus, clock, log: silent, random: () => 0 });
    relay.start();
    const [first] = await bus.publish((await waiting(store)).map(({ value }) => value.event));
    expect(first).toEqual({
      outcome: 'failed',
      reason: expect.stringContaining('ResourceNotFoundException') as string,
    });
    expect(await waiting(store)).toHaveLength(1);
    await createBus(name);
    const queue = await createQueue(name);
    await addRule({ bus: name, pattern: { 'detail-type': ['tenant.changed.v1'] }, queue });
    await vi.waitFor(async () => expect(await waiting(store)).toEqual([]), soon);
    expect(delivered(await queue.receive(1)).map(({ detail }) => detail.subject)).toEqual(['tenant:acme']);
    await relay.stop();
    await bus.close();
  });
});

describe('a broker that is configured for EventBridge', () => {
  it('tells a rule what it asked for, as docs/events says', async () => {
    await createBus(name);
    const [stops, everything] = [await createQueue(`${name}-stops`), await createQueue(`${name}-all`)];
    // The example of docs/guides/eventbridge.md.
    await addRule({
      bus: name,
      pattern: {
        source: ['a2a.broker'],
        'detail-type': [{ prefix: 'tenant.' }],
        detail: { data: { tenant: ['acme'] } },
      },
      queue: stops,
    });
    await addRule({ bus: name, pattern: { source: ['a2a.broker'] }, queue: everything });
    const directory = await mkdtemp(join(tmpdir(), 'broker-'));
    const broker = await startBroker({
      directory,
      port: await freePort(),
      env: {
        BROKER_EVENTS: 'eventbridge',
        EVENTBRIDGE_BUS: name,
        EVENTBRIDGE_ENDPOINT: endpoint(),
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      },
    });
    try {
      const operator = { url: broker.url, token: operatorToken };
      for (const id of ['acme', 'globex'])
        await call(operator, 'POST', '/v1/tenants', { id, name: id, tier: 'standard' });
      await call(operator, 'POST', '/v1/tenants/acme/suspend', { reason: 'unpaid' });
      const told = delivered(await stops.receive(2));
      expect(told.map((event) => [event.source, event['detail-type'], event.detail.data])).toEqual([
        ['a2a.broker', 'tenant.created.v1', { tenant: 'acme', tier: 'standard' }],
        ['a2a.broker', 'tenant.suspended.v1', { tenant: 'acme' }],
      ]);
      expect(told.map(({ detail }) => [detail.specversion, detail.subject, detail.sequence])).toEqual([
        ['1.0', 'tenant:acme', '0000000001'],
        ['1.0', 'tenant:acme', '0000000002'],
      ]);
      expect(await everything.receive(3)).toHaveLength(3);
      expect(await call(operator, 'GET', '/v1/events/outbox')).toMatchObject({ bus: 'eventbridge' });
      await vi.waitFor(
        async () => expect(await call(operator, 'GET', '/v1/events/outbox')).toMatchObject({ waiting: 0 }),
        soon,
      );
    } finally {
      expect(await broker.stop()).toBe(0);
      await rm(directory, { recursive: true, force: true });
    }
  });
});
