import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Price } from '../../src/billing/plan.ts';
import { auditEntries } from '../support/audit-entries.ts';
import { engines } from '../support/stores.ts';
import { close, perUnit, report, sell } from './books.ts';
import { day, everything, newWorld, operator, type World } from './world.ts';

describe.each(engines)('prices on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
  });
  afterEach(() => world.dispose());

  describe('meters', () => {
    const seats = { key: 'seats', unit: 'seats', aggregation: 'max', authority: 'provider' } as const;

    it('mean one thing for ever: the same again changes nothing', async () => {
      expect(await world.billing.meters.define(seats, operator)).toEqual(seats);
      expect(await world.billing.meters.define(seats, operator)).toEqual(seats);
      expect(await world.reopen().meters.define(seats, operator)).toEqual(seats);
    });

    it.each([{ unit: 'chairs' }, { aggregation: 'sum' as const }, { authority: 'broker' as const }])(
      'cannot become another: %o',
      async (change) => {
        await world.billing.meters.define(seats, operator);
        for (const billing of [world.billing, world.reopen()])
          await expect(billing.meters.define({ ...seats, ...change }, operator)).rejects.toMatchObject({
            code: 'meter_exists',
          });
        expect(await world.billing.meters.find('seats')).toEqual(seats);
      },
    );

    it.each(['calls', 'tasks', 'stream_events', 'bytes_in', 'bytes_out', 'duration_ms'])(
      'of the broker are built in and taken: %s',
      async (key) => {
        expect(await world.billing.meters.find(key)).toMatchObject({
          authority: 'broker',
          aggregation: 'sum',
        });
        await expect(world.billing.meters.define({ ...seats, key }, operator)).rejects.toMatchObject({
          code: 'meter_exists',
        });
      },
    );

    it('defined differently at the same moment are one of them', async () => {
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c'].map((unit) => world.reopen().meters.define({ ...seats, unit }, operator)),
      );
      const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(won.map(({ value }) => value)).toEqual([await world.billing.meters.find('seats')]);
    });

    it('are listed, built-in ones first', async () => {
      const keys = (await world.billing.meters.list({ limit: 50 })).items.map(({ key }) => key);
      expect(keys.slice(0, 2)).toEqual(['calls', 'tasks']);
      expect(keys.slice(6)).toEqual(['pages', 'tokens']);
    });
  });

  describe('plans', () => {
    const plan = { key: 'basic', currency: 'USD', prices: [perUnit('tokens', '0.5')] };

    it('never change: the same again is the same, anything else is refused', async () => {
      const defined = await world.billing.definePlan(plan, operator);
      world.clock.advance(day);
      expect(await world.billing.definePlan(plan, operator)).toEqual(defined);
      for (const other of [
        { ...plan, currency: 'EUR' },
        { ...plan, prices: [perUnit('tokens', '0.50')] },
        { ...plan, prices: [perUnit('tokens', '0.5', { model: 'x' })] },
        { ...plan, prices: [...plan.prices, perUnit('pages', '1')] },
      ])
        await expect(world.billing.definePlan(other, operator)).rejects.toMatchObject({
          code: 'plan_exists',
        });
      expect(await world.billing.findPlan('basic')).toEqual(defined);
    });

    it('are listed and found', async () => {
      await world.billing.definePlan(plan, operator);
      await world.billing.definePlan({ ...plan, key: 'a-plan' }, operator);
      expect((await everything((page) => world.billing.listPlans(page))).map(({ key }) => key)).toEqual([
        'a-plan',
        'basic',
      ]);
      expect(await world.billing.planExists('basic')).toBe(true);
      expect(await world.billing.planExists('basi')).toBe(false);
      expect(await world.billing.findPlan('__proto__')).toBeUndefined();
    });

    const graduated = (...tiers: { upTo?: string; unitAmount: string }[]): Price => ({
      meter: 'tokens',
      model: 'graduated',
      tiers,
    });
    const amount = 'must be a decimal, not negative, with at most 12 places, such as "0.0025"';
    it.each<[string, Price, readonly { path: string; message: string }[]]>([
      ['a negative amount', perUnit('tokens', '-1'), [{ path: '/prices/0/unitAmount', message: amount }]],
      ['a float’s text', perUnit('tokens', '1e-3'), [{ path: '/prices/0/unitAmount', message: amount }]],
      [
        '13 places',
        perUnit('tokens', '0.0000000000001'),
        [{ path: '/prices/0/unitAmount', message: amount }],
      ],
      ['no amount', perUnit('tokens', ''), [{ path: '/prices/0/unitAmount', message: amount }]],
      [
        'an end on the last tier',
        graduated({ upTo: '5', unitAmount: '1' }),
        [{ path: '/prices/0/tiers/0/upTo', message: 'must be absent on the last tier, which has no end' }],
      ],
      [
        'no end before the last tier',
        graduated({ unitAmount: '1' }, { unitAmount: '2' }),
        [{ path: '/prices/0/tiers/0/upTo', message: 'is missing: only the last tier is open' }],
      ],
      [
        'tiers that do not rise',
        graduated({ upTo: '5', unitAmount: '1' }, { upTo: '5.0', unitAmount: '1' }, { unitAmount: '1' }),
        [{ path: '/prices/0/tiers/1/upTo', message: 'must be above 5, where the tier begins' }],
      ],
      [
        'a tier of nothing',
        graduated({ upTo: '0', unitAmount: '1' }, { unitAmount: '1' }),
        [{ path: '/prices/0/tiers/0/upTo', message: 'must be above 0, where the tier begins' }],
      ],
      [
        'several at once',
        graduated({ upTo: 'x', unitAmount: '-1' }, { unitAmount: 'y' }),
        [
          { path: '/prices/0/tiers/0/unitAmount', message: amount },
          { path: '/prices/0/tiers/0/upTo', message: 'must be a decimal with at most 9 places' },
          { path: '/prices/0/tiers/1/unitAmount', message: amount },
        ],
      ],
    ])('are refused with each wrong field: %s', async (_, price, fields) => {
      await expect(world.billing.definePlan({ ...plan, prices: [price] }, operator)).rejects.toMatchObject({
        code: 'invalid_request',
        fields,
      });
      expect(await world.billing.planExists('basic')).toBe(false);
    });

    it('are refused for a currency or a meter that is none', async () => {
      await expect(
        world.billing.definePlan({ ...plan, currency: 'XYZ', prices: [perUnit('tokens', 'x')] }, operator),
      ).rejects.toMatchObject({
        fields: [
          { path: '/currency', message: 'must be a currency of ISO 4217' },
          { path: '/prices/0/unitAmount', message: amount },
        ],
      });
      await expect(
        world.billing.definePlan({ ...plan, prices: [perUnit('nonsense', '1')] }, operator),
      ).rejects.toMatchObject({ code: 'unknown_meter' });
    });

    it('are refused when they are too large to keep', async () => {
      const where = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`d${n}`, '€'.repeat(128)]));
      const prices = Array.from({ length: 100 }, () => perUnit('tokens', '1', where));
      await expect(world.billing.definePlan({ ...plan, prices }, operator)).rejects.toMatchObject({
        code: 'invalid_request',
      });
    });
  });

  describe('contracts', () => {
    const terms = { commissionBps: 1500, currency: 'USD', from: '2026-02' };

    it('are one for each provider, currency and first month', async () => {
      const contract = await world.billing.setContract('skyways', terms, operator);
      await world.billing.setContract('skyways', { ...terms, currency: 'EUR' }, operator);
      await world.billing.setContract('cloudly', terms, operator);
      await expect(
        world.billing.setContract('skyways', { ...terms, commissionBps: 0 }, operator),
      ).rejects.toMatchObject({ code: 'contract_exists' });
      expect(contract).toEqual({
        id: 'skyways-usd-2026-02',
        provider: 'skyways',
        ...terms,
        createdAt: world.clock.now(),
      });
      expect(
        (await everything((page) => world.billing.listContracts('skyways', page))).map(({ id }) => id),
      ).toEqual(['skyways-eur-2026-02', 'skyways-usd-2026-02']);
    });

    it('are refused for a provider or a currency that is none', async () => {
      await expect(world.billing.setContract('nobody', terms, operator)).rejects.toMatchObject({
        code: 'unknown_provider',
      });
      await expect(
        world.billing.setContract('skyways', { ...terms, currency: 'XYZ' }, operator),
      ).rejects.toMatchObject({ fields: [{ path: '/currency', message: 'must be a currency of ISO 4217' }] });
    });

    it('cannot begin in a month whose books are closed', async () => {
      await sell(world, 'basic', [perUnit('tokens', '1')]);
      await report(world, { id: 'a' });
      await close(world, '2026-01');
      await expect(
        world.billing.setContract('skyways', { ...terms, from: '2026-01' }, operator),
      ).rejects.toMatchObject({ code: 'invalid_request' });
      await world.billing.setContract('skyways', terms, operator);
    });
  });

  it('leave a trace in the audit log', async () => {
    await world.billing.definePlan(
      { key: 'basic', currency: 'USD', prices: [perUnit('tokens', '1')] },
      operator,
    );
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1, currency: 'USD', from: '2026-01' },
      operator,
    );
    const entries = await auditEntries(world.store);
    expect(entries.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
      'meter.define operator',
      'meter.define operator',
      'plan.define operator',
      'contract.set operator',
    ]);
  });
});
