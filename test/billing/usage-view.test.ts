import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UsageQuery } from '../../src/billing/usage-view.ts';
import { engines } from '../support/stores.ts';
import { report } from './books.ts';
import { day, ingest, newWorld, operator, type World } from './world.ts';

describe.each(engines)('the view of usage on $name', (engine) => {
  let world: World;
  const noon = Date.UTC(2026, 0, 15, 12);
  beforeEach(async () => {
    world = await newWorld(engine);
    world.clock.set(noon + day);
    await report(
      world,
      { id: 'a', at: noon, quantities: { tokens: '1', pages: '5' } },
      { id: 'b', at: noon + 60_000, quantities: { tokens: '2' } },
      { id: 'c', at: noon + 3_600_000, quantities: { tokens: '4' } },
      { id: 'd', at: noon, tenant: 'globex', quantities: { tokens: '8' } },
      { id: 'e', at: noon, agent: 'skyways/hotels', quantities: { tokens: '16' } },
      { id: 'f', at: noon, agent: 'cloudly/notes', quantities: { tokens: '32' } },
      { id: 'g', at: noon + day, quantities: { tokens: '64' } },
    );
    await world.billing.observe([world.observed({ id: 'h', at: noon })]);
  });
  afterEach(() => world.dispose());

  const view = async (query: Partial<UsageQuery>) => {
    const rows = await world.billing.viewUsage({
      from: noon - day,
      to: noon + 2 * day,
      groupBy: [],
      ...query,
    });
    return rows.map(({ quantity, events, ...row }) => [...Object.values(row), quantity, events].join(' '));
  };

  it.each<[string, Partial<UsageQuery>, readonly string[]]>([
    ['everything', {}, ['calls 1 1', 'pages 5 1', 'tokens 127 7']],
    ['a meter', { meter: 'tokens' }, ['tokens 127 7']],
    ['a tenant', { tenant: 'globex' }, ['tokens 8 1']],
    ['a provider', { provider: 'cloudly' }, ['tokens 32 1']],
    ['an agent', { agent: 'skyways/hotels' }, ['tokens 16 1']],
    ['a tenant at a provider', { tenant: 'acme', provider: 'cloudly' }, ['tokens 32 1']],
    ['a tenant at an agent', { tenant: 'acme', agent: 'skyways/hotels' }, ['tokens 16 1']],
    ['an agent that is another provider’s', { provider: 'cloudly', agent: 'skyways/hotels' }, []],
    ['an agent whose name begins the same', { agent: 'skyways/hotel' }, []],
    ['a tenant whose name begins the same', { tenant: 'acm' }, []],
    ['nobody', { tenant: 'nobody' }, []],
    ['a meter that is none', { meter: 'nonsense' }, []],
  ])('filters: %s', async (_, query, rows) => {
    expect(await view(query)).toEqual(rows);
  });

  it('takes from the first instant to before the last', async () => {
    expect(await view({ meter: 'tokens', tenant: 'acme', from: noon, to: noon + 60_000 })).toEqual([
      'tokens 49 3',
    ]);
    expect(await view({ meter: 'tokens', tenant: 'acme', from: noon + 1, to: noon + 60_001 })).toEqual([
      'tokens 2 1',
    ]);
  });

  it.each<[UsageQuery['window'], readonly string[]]>([
    [
      'hour',
      [
        '2026-01-15T12:00:00Z tokens 3 2',
        '2026-01-15T13:00:00Z tokens 4 1',
        '2026-01-16T12:00:00Z tokens 64 1',
      ],
    ],
    ['day', ['2026-01-15T00:00:00Z tokens 7 3', '2026-01-16T00:00:00Z tokens 64 1']],
    ['month', ['2026-01-01T00:00:00Z tokens 71 4']],
  ])('by %s', async (window, rows) => {
    const query = { tenant: 'acme', agent: 'skyways/flights', meter: 'tokens' };
    expect(await view({ ...query, ...(window === undefined ? {} : { window }) })).toEqual(rows);
  });

  it.each<[UsageQuery['groupBy'], readonly string[]]>([
    [['tenant'], ['acme tokens 119 6', 'globex tokens 8 1']],
    [['provider'], ['cloudly tokens 32 1', 'skyways tokens 95 6']],
    [['agent'], ['cloudly/notes tokens 32 1', 'skyways/flights tokens 79 5', 'skyways/hotels tokens 16 1']],
    [['meter'], ['tokens 127 7']],
    [
      ['tenant', 'provider'],
      ['acme cloudly tokens 32 1', 'acme skyways tokens 87 5', 'globex skyways tokens 8 1'],
    ],
  ])('grouped by %s', async (groupBy, rows) => {
    expect(await view({ meter: 'tokens', groupBy })).toEqual(rows);
  });

  it('tells whose word it was', async () => {
    expect(await view({ tenant: 'acme', agent: 'skyways/flights', groupBy: ['kind'] })).toEqual([
      'observed calls 1 1',
      'reported pages 5 1',
      'reported tokens 71 4',
    ]);
  });

  it('shows what came late where it happened, and once, also after the month is closed', async () => {
    const before = await view({ meter: 'tokens', window: 'day', groupBy: ['tenant'] });
    await world.billing.closePeriod('2026-01', { early: true, by: operator });
    expect(await view({ meter: 'tokens', window: 'day', groupBy: ['tenant'] })).toEqual(before);
    await report(world, { id: 'late', at: noon, tenant: 'globex', quantities: { tokens: '0.5' } });
    for (const query of [
      { tenant: 'globex' },
      { provider: 'skyways', tenant: 'globex' },
      { tenant: 'globex', agent: 'skyways/flights' },
    ])
      expect(await view({ ...query, from: noon, to: noon + 1 })).toEqual(['tokens 8.5 2']);
  });

  it.each([
    ['an end before its beginning', { from: noon, to: noon - 1 }],
    ['no time at all', { from: noon, to: noon }],
    ['more than a year', { from: noon - 367 * day, to: noon }],
  ])('refuses %s', async (_, query) => {
    await expect(view(query)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('answers a year', async () => {
    expect(await view({ meter: 'tokens', from: noon + 2 * day - 366 * day, to: noon + 2 * day })).toEqual([
      'tokens 127 7',
    ]);
  });

  it('refuses an answer of more than ten thousand rows', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `m${n}`);
    for (const key of keys)
      await world.billing.meters.define(
        { key, unit: 'x', aggregation: 'sum', authority: 'provider' },
        operator,
      );
    const quantities = Object.fromEntries(keys.map((key) => [key, '1']));
    const events = Array.from({ length: 501 }, (_, n) =>
      world.event({ id: `hour-${n}`, at: noon - n * 3_600_000, quantities }),
    );
    await ingest(world, events);
    const from = noon - 40 * day;
    const query = { from, to: noon - 500 * 3_600_000 + 1, window: 'hour' as const };
    expect(await view(query)).toHaveLength(20);
    await expect(view({ ...query, to: noon + 1 })).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await view({ ...query, to: noon + 1, meter: 'm0' })).toHaveLength(501);
  });
});
