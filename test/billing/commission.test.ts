import { afterEach, beforeEach, expect, it, describe } from 'vitest';
import { engines } from '../support/stores.ts';
import { booksOf, close, perUnit, report, sell } from './books.ts';
import { newWorld, operator, type World } from './world.ts';

describe.each(engines)('commission on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
    await sell(world, 'basic', [perUnit('tokens', '0.33')], { tenants: ['acme', 'globex'] });
  });
  afterEach(() => world.dispose());

  const closeNow = (period: string, early = false) =>
    world.billing.closePeriod(period, { early, by: operator });
  const contract = (commissionBps: number, from: string, provider = 'skyways') =>
    world.billing.setContract(provider, { commissionBps, currency: 'USD', from }, operator);
  const settled = async (period: string) =>
    (await booksOf(world, period)).settlements.map(({ gross, commission, net }) => [gross, commission, net]);

  it('on the sum: a thousand lines of 33 cents at 15 % are 4950 cents, not 5000', async () => {
    await contract(1500, '2026-01');
    const agents = Array.from({ length: 10 }, (_, n) => `skyways/a${n}`);
    const models = Array.from({ length: 100 }, (_, n) => ({ model: `m${n}` }));
    const prices = models.map((where) => perUnit('tokens', '0.33', where));
    await sell(world, 'many', prices);
    for (const agent of agents) world.plans.set(`acme ${agent}`, 'many');
    await report(
      world,
      ...agents.flatMap((agent) =>
        models.map((dimensions) => ({ id: `${agent} ${dimensions.model}`, agent, dimensions })),
      ),
    );
    await close(world, '2026-01');
    expect(await settled('2026-01')).toEqual([['33000', '4950', '28050']]);
    expect((await booksOf(world, '2026-01')).settlements[0]?.lines).toHaveLength(1000);
  }, 60_000);

  it('on the sum of all months under a contract', async () => {
    await contract(1500, '2026-01');
    const commissions = [];
    for (const [month, period] of ['2026-01', '2026-02', '2026-03'].entries()) {
      world.clock.set(Date.UTC(2026, month, 20));
      await report(world, { id: period });
      await close(world, period);
      commissions.push((await settled(period))[0]?.[1]);
    }
    // 4.95, 9.90 and 14.85 cents so far.
    expect(commissions).toEqual(['5', '5', '5']);
    world.clock.set(Date.UTC(2026, 3, 20));
    await report(world, { id: '2026-04', quantities: { tokens: '7' } });
    await close(world, '2026-04');
    // 49.5 so far, a half goes up: 50.
    expect(await settled('2026-04')).toEqual([['231', '35', '196']]);
  });

  it('of the contract in force in that month', async () => {
    await contract(1000, '2026-01');
    await contract(2000, '2026-02');
    await contract(5000, '2026-04');
    for (const [month, period] of ['2026-01', '2026-02', '2026-03', '2026-04'].entries()) {
      world.clock.set(Date.UTC(2026, month, 20));
      await report(world, { id: period, quantities: { tokens: '100' } });
      await close(world, period);
    }
    const commissions = [];
    for (const period of ['2026-01', '2026-02', '2026-03', '2026-04'])
      commissions.push((await settled(period))[0]?.[1]);
    expect(commissions).toEqual(['330', '660', '660', '1650']);
  });

  it('of the contract of the month that a correction is for', async () => {
    await contract(1000, '2026-01');
    await contract(2000, '2026-02');
    await world.billing.meters.define(
      { key: 'seats', unit: 'seats', aggregation: 'latest', authority: 'provider' },
      operator,
    );
    await sell(world, 'seats', [perUnit('seats', '1')]);
    await report(world, { id: 'a', quantities: { seats: '10' } });
    await closeNow('2026-01', true);
    await report(world, { id: 'b', at: world.clock.now() + 1, quantities: { seats: '4' } });
    world.clock.set(Date.UTC(2026, 1, 10));
    await report(world, { id: 'c', quantities: { seats: '10' } });
    await close(world, '2026-02');
    const february = (await booksOf(world, '2026-02')).settlements;
    // What was taken at 10 % is given back at 10 %.
    expect(
      february.map((one) => [one.contract, one.commissionBps, one.gross, one.commission, one.net]),
    ).toEqual([
      ['skyways-usd-2026-01', 1000, '-600', '-60', '-540'],
      ['skyways-usd-2026-02', 2000, '1000', '200', '800'],
    ]);
    expect(new Set(february.map(({ id }) => id)).size).toBe(2);
  });

  it('none without one, of another currency, of another provider, or of later', async () => {
    await contract(1000, '2026-02');
    await contract(1000, '2026-01', 'cloudly');
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1000, currency: 'EUR', from: '2026-01' },
      operator,
    );
    await report(world, { id: 'a', quantities: { tokens: '100' } });
    await close(world, '2026-01');
    expect(await settled('2026-01')).toEqual([['3300', '0', '3300']]);
  });

  it('of all or of nothing', async () => {
    await contract(10_000, '2026-01');
    await contract(0, '2026-02');
    for (const [month, period] of ['2026-01', '2026-02'].entries()) {
      world.clock.set(Date.UTC(2026, month, 20));
      await report(world, { id: period });
      await close(world, period);
    }
    expect([...(await settled('2026-01')), ...(await settled('2026-02'))]).toEqual([
      ['33', '33', '0'],
      ['33', '0', '33'],
    ]);
  });
});
