import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Write } from '../../src/storage/port.ts';
import { engines } from '../support/stores.ts';
import { newWorld, operator, usageOf, type World } from './world.ts';

describe.each(engines)('observed usage on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
  });
  afterEach(() => world.dispose());

  const owner: Write = { op: 'putIfAbsent', partition: 'a2a-task#1', sort: 'owner', value: 'acme' };
  const ownerNow = async () => (await world.store.get({ partition: 'a2a-task#1', sort: 'owner' }))?.value;

  it('is durable together with what is written alongside', async () => {
    const events = [
      world.observed({ id: 'call-1:call', quantities: { calls: '1', bytes_in: '512' } }),
      world.observed({ id: 'task:1:done', quantities: { tasks: '1' }, dimensions: { task_state: 'done' } }),
    ];
    expect(await world.billing.observe(events, [owner])).toEqual({ ok: true });
    expect(await ownerNow()).toBe('acme');
    expect(await usageOf(world, 'calls')).toEqual(['1', 1]);
    expect(await usageOf(world, 'bytes_in')).toEqual(['512', 1]);
    expect(await usageOf(world, 'tasks')).toEqual(['1', 1]);
  });

  it('is not there when a write alongside does not hold, and says which', async () => {
    await world.store.commit([owner]);
    const good: Write = { op: 'put', partition: 'other', sort: '1', value: 1 };
    const missing: Write = { op: 'putIfVersion', partition: 'other', sort: '2', version: 'x', value: 2 };
    expect(await world.billing.observe([world.observed({ id: 'e1' })], [good, owner, missing])).toEqual({
      ok: false,
      failedAlongside: [1, 2],
    });
    expect(await usageOf(world, 'calls')).toEqual(['0', 0]);
    expect(await world.store.get({ partition: 'other', sort: '1' })).toBeUndefined();
    // Not even the key: told again without what failed, it is new.
    expect(await world.billing.observe([world.observed({ id: 'e1' })])).toEqual({ ok: true });
    expect(await usageOf(world, 'calls')).toEqual(['1', 1]);
  });

  it('leaves out in silence what it knows, and writes the rest', async () => {
    await world.billing.observe([world.observed({ id: 'e1' })]);
    const again = [world.observed({ id: 'e1', quantities: { calls: '9' } }), world.observed({ id: 'e2' })];
    expect(await world.billing.observe(again, [owner])).toEqual({ ok: true });
    expect(await ownerNow()).toBe('acme');
    expect(await usageOf(world, 'calls')).toEqual(['2', 2]);
  });

  it('writes what is alongside also when all of it is known, or there is none', async () => {
    await world.billing.observe([world.observed({ id: 'e1' })]);
    expect(await world.billing.observe([world.observed({ id: 'e1' })], [owner])).toEqual({ ok: true });
    expect(await ownerNow()).toBe('acme');
    expect(await world.billing.observe([], [owner])).toEqual({ ok: false, failedAlongside: [0] });
    expect(await world.billing.observe([])).toEqual({ ok: true });
  });

  it('takes the same event twice at once as one', async () => {
    const events = [world.observed({ id: 'e1' }), world.observed({ id: 'e1' })];
    expect(await world.billing.observe(events)).toEqual({ ok: true });
    expect(await usageOf(world, 'calls')).toEqual(['1', 1]);
  });

  it('gives one of several the write alongside, and counts the event once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => world.billing.observe([world.observed({ id: 'e1' })], [owner])),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await usageOf(world, 'calls')).toEqual(['1', 1]);
  });

  it('cannot be taken for what a provider reports under the same id', async () => {
    await world.billing.meters.define(
      { key: 'seats', unit: 'seats', aggregation: 'sum', authority: 'provider' },
      operator,
    );
    await world.billing.observe([world.observed({ id: 'same' })]);
    const [result] = await world.billing.ingest('skyways', [
      world.event({ id: 'same', quantities: { seats: '1' } }),
    ]);
    expect(result?.status).toBe('accepted');
  });

  it.each([
    ['a meter of a provider', { tokens: '1' }],
    ['no meter', { nonsense: '1' }],
    ['no quantity', { calls: '-1' }],
    ['no decimal', { calls: '1e9' }],
  ])('refuses what could never be billed: %s', async (_, quantities) => {
    await expect(world.billing.observe([world.observed({ id: 'e1', quantities })], [owner])).rejects.toThrow(
      TypeError,
    );
    expect(await ownerNow()).toBeUndefined();
  });
});
