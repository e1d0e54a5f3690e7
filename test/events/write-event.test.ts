import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutboxRepository, shardCount, shardOf } from '../../src/events/outbox-repository.ts';
import type { EventData, Events } from '../../src/events/port.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Store } from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';
import { brokerUrl, waiting } from './outbox-world.ts';

describe.each(engines)('writing events on $name', (engine) => {
  let clock: TestClock;
  let store: Store;
  let dispose: () => Promise<void>;
  let events: Events;
  beforeEach(async () => {
    clock = testClock(Date.UTC(2026, 0, 15, 12));
    ({ store, dispose } = await engine.open(clock));
    events = createEvents({ store, clock, ids: systemIds, brokerUrl });
  });
  afterEach(() => dispose());

  const suspended = () => events.writes('tenant.suspended.v1', { tenant: 'acme' });
  const inOutbox = async () =>
    (await waiting(store)).map(({ value: { event } }) => `${event.subject} ${Number(event.sequence)}`);

  it('makes a CloudEvent of it', async () => {
    await store.commit(await suspended());
    const [record] = await waiting(store);
    expect(record?.value).toEqual({
      previous: null,
      event: {
        specversion: '1.0',
        id: expect.stringMatching(/^evt_[0-9a-f]{32}$/) as string,
        source: 'urn:broker.example:broker',
        type: 'a2a.broker.tenant.suspended.v1',
        subject: 'tenant:acme',
        time: '2026-01-15T12:00:00.000Z',
        datacontenttype: 'application/json',
        sequence: '0000000001',
        data: { tenant: 'acme' },
      },
    });
  });

  it('exists only with what it reports', async () => {
    const taken = { partition: 'thing', sort: '1', value: {} };
    await store.commit([{ op: 'put', ...taken }]);
    const commit = await store.commit([{ op: 'putIfAbsent', ...taken }, ...(await suspended())]);
    expect(commit.ok).toBe(false);
    expect(await inOutbox()).toEqual([]);
    await store.commit(await suspended());
    expect(await inOutbox()).toEqual(['tenant:acme 1']);
  });

  it('takes at most two writes, and one for what happens only once', async () => {
    expect(await suspended()).toHaveLength(2);
    expect(await events.writes('plan.defined.v1', { plan: 'basic', currency: 'EUR' })).toHaveLength(1);
  });

  it('numbers the events of each subject without a gap, also when another commit was faster', async () => {
    const [first, second] = await Promise.all([suspended(), suspended()]);
    expect((await store.commit(first)).ok).toBe(true);
    expect((await store.commit(second)).ok).toBe(false);
    expect((await store.commit(await suspended())).ok).toBe(true);
    await store.commit(await events.writes('tenant.suspended.v1', { tenant: 'globex' }));
    const [third, fourth] = await Promise.all([suspended(), suspended()]);
    const outcomes = await Promise.all([store.commit(third), store.commit(fourth)]);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect((await inOutbox()).toSorted()).toEqual([
      'tenant:acme 1',
      'tenant:acme 2',
      'tenant:acme 3',
      'tenant:globex 1',
    ]);
  });

  it('puts each behind the one before, although the next replica’s clock is hours behind', async () => {
    await store.commit(await suspended());
    clock.advance(-7_200_000);
    await store.commit(await suspended());
    clock.advance(3_600_000);
    await store.commit(await suspended());
    expect(await inOutbox()).toEqual(['tenant:acme 1', 'tenant:acme 2', 'tenant:acme 3']);
    const [first, second, third] = await waiting(store);
    expect([second?.value.previous, third?.value.previous]).toEqual([first?.sort, second?.sort]);
    // What it says about the time is what its writer's clock said.
    expect(second?.value.event.time).toBe('2026-01-15T10:00:00.000Z');
  });

  it('lets nothing out that is not in the list of the event’s members', async () => {
    const data = { tenant: 'acme', name: 'Jane Doe', apiKey: 'secret' };
    await store.commit(await events.writes('tenant.suspended.v1', data));
    expect((await waiting(store))[0]?.value.event.data).toEqual({ tenant: 'acme' });
  });

  it('refuses what is not as the schema says, before anything is written', async () => {
    const wrong = { tenant: '' } as EventData<'tenant.suspended.v1'>;
    await expect(events.writes('tenant.suspended.v1', wrong)).rejects.toThrow(/tenant/);
  });

  it('spreads subjects over the shards, each subject always on the same', async () => {
    const counts = Array.from({ length: shardCount }, () => 0);
    for (let index = 0; index < 4000; index++) {
      const shard = shardOf(`tenant:t${index}`);
      counts[shard] = (counts[shard] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(4000 / shardCount / 1.3);
    expect(Math.max(...counts)).toBeLessThan((4000 / shardCount) * 1.3);
    // For ever: events that wait are found where they were put.
    expect(['tenant:acme', 'agent:skyways/flights', 'period:2026-01'].map(shardOf)).toEqual([5, 2, 1]);
  });

  it('finds dead letters only while they are dead', async () => {
    const outbox = createOutboxRepository(store);
    await store.commit(await suspended());
    const [record] = await waiting(store);
    if (record === undefined) throw new Error('nothing was written');
    await store.commit([
      outbox.replace(record, { ...record.value, deadAt: clock.now() }),
      outbox.addDeadLetter(record),
    ]);
    const { id } = record.value.event;
    expect((await outbox.deadLetter(id))?.value.event.id).toBe(id);
    expect((await outbox.deadLetters({ limit: 200 })).items).toHaveLength(1);
    expect(await outbox.deadLetter('evt_none')).toBeUndefined();
  });
});
