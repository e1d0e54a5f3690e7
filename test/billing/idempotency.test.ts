import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { day, everything, ingest, newWorld, usageOf, type World } from './world.ts';

describe.each(engines)('one fact is one fact, on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
  });
  afterEach(() => world.dispose());

  it('whenever it is told again', async () => {
    const event = world.event({ id: 'e1' });
    expect(await ingest(world, [event])).toEqual(['e1 accepted']);
    world.clock.advance(10 * day);
    expect(await ingest(world, [event])).toEqual(['e1 duplicate']);
    expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
  });

  it.each([
    ['another writing of the quantity', { data: { quantities: { tokens: '1.500' } } }],
    [
      'another order of the meters',
      { data: { quantities: { tokens: '1.5' }, dimensions: { b: '2', a: '1' } } },
    ],
    ['another writing of the time', { time: '2026-01-15T13:00:00.000+01:00' }],
  ])('whatever its spelling: %s', async (_, change) => {
    const dimensions = 'data' in change && 'dimensions' in change.data ? { a: '1', b: '2' } : undefined;
    const first = world.event({
      id: 'e1',
      quantities: { tokens: '1.5' },
      ...(dimensions === undefined ? {} : { dimensions }),
    });
    await ingest(world, [first]);
    expect(await ingest(world, [{ ...first, ...change }])).toEqual(['e1 duplicate']);
    expect(await usageOf(world, 'tokens')).toEqual(['1.5', 1]);
  });

  it.each([
    ['quantity', { data: { quantities: { tokens: '2' } } }],
    ['meter', { data: { quantities: { pages: '1' } } }],
    ['dimension', { data: { quantities: { tokens: '1' }, dimensions: { model: 'large' } } }],
    ['time', { time: '2026-01-15T12:00:01Z' }],
    ['call', { callid: 'another' }],
    ['transaction', { correlationid: 'another' }],
  ])(
    'and never another one: a new %s under an old id is a conflict, and is kept aside',
    async (_, change) => {
      const first = world.event({ id: 'e1' });
      await ingest(world, [first]);
      expect(await ingest(world, [{ ...first, ...change }])).toEqual(['e1 conflict']);
      expect(await ingest(world, [first])).toEqual(['e1 duplicate']);
      expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
      expect(await usageOf(world, 'pages')).toEqual(['0', 0]);
      const kept = await everything((page) => world.billing.quarantined('skyways', page));
      expect(kept).toMatchObject([{ id: 'e1', reason: 'conflict', event: change }]);
    },
  );

  it('within one batch: the first one counts', async () => {
    const event = world.event({ id: 'e1' });
    const other = world.event({ id: 'e1', quantities: { tokens: '9' } });
    expect(await ingest(world, [event, other, event])).toEqual([
      'e1 accepted',
      'e1 conflict',
      'e1 duplicate',
    ]);
    expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
  });

  it('within one batch, also when its first one is not what is known: the ledger decides', async () => {
    const event = world.event({ id: 'e1' });
    const other = world.event({ id: 'e1', quantities: { tokens: '9' } });
    await ingest(world, [event]);
    expect(await ingest(world, [other, event, other])).toEqual([
      'e1 conflict',
      'e1 duplicate',
      'e1 conflict',
    ]);
    expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
  });

  it('is each provider’s own: the same id of two providers is two facts', async () => {
    const mine = world.event({ id: 'e1' });
    const theirs = world.event({ id: 'e1', agent: 'cloudly/notes', quantities: { tokens: '10' } });
    expect(await ingest(world, [mine])).toEqual(['e1 accepted']);
    expect(await ingest(world, [theirs], 'cloudly')).toEqual(['e1 accepted']);
    expect(await usageOf(world, 'tokens')).toEqual(['11', 2]);
  });

  it('is not confused by where a source ends and an id begins', async () => {
    const a = world.event({ id: '1:x', agent: 'sky/a' });
    const b = world.event({ id: 'x', agent: 'sky1/a' });
    expect(await ingest(world, [a], 'sky')).toEqual(['1:x accepted']);
    expect(await ingest(world, [b], 'sky1')).toEqual(['x accepted']);
  });

  it('for senders at the same moment, in one process and in several', async () => {
    const event = world.event({ id: 'e1' });
    const others = [world.reopen(), world.reopen(), world.billing];
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => ingest({ billing: others[n % 3] ?? world.billing }, [event])),
    );
    const flat = answers.flat();
    expect(flat.filter((answer) => answer === 'e1 accepted')).toHaveLength(1);
    expect(flat.filter((answer) => answer === 'e1 duplicate')).toHaveLength(23);
    expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
  });

  it('for senders who disagree at the same moment: one wins, whole', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        ingest(world, [world.event({ id: 'e1', quantities: { tokens: String(n + 1) } })]),
      ),
    );
    const winner = answers.findIndex(([answer]) => answer === 'e1 accepted');
    expect(answers.flat().filter((answer) => answer === 'e1 conflict')).toHaveLength(11);
    expect(await usageOf(world, 'tokens')).toEqual([String(winner + 1), 1]);
  });

  it('for batches that overlap at the same moment', async () => {
    const events = Array.from({ length: 200 }, (_, n) => world.event({ id: `e${n}` }));
    const answers = await Promise.all(
      [0, 50, 100, 25].map((start) => ingest(world, events.slice(start, start + 100))),
    );
    expect(answers.flat().filter((answer) => answer.endsWith('accepted'))).toHaveLength(200);
    expect(answers.flat().filter((answer) => answer.endsWith('duplicate'))).toHaveLength(200);
    expect(await usageOf(world, 'tokens')).toEqual(['200', 200]);
  });
});
