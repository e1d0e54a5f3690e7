import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { booksOf, close, linesOf, perUnit, publishedTiers, report, sell } from './books.ts';
import { ingest, newWorld, operator, type World } from './world.ts';

describe.each(engines)('usage that comes after the close is billed, on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
    await sell(world, 'basic', [perUnit('tokens', '0.33')], { tenants: ['acme', 'globex'] });
  });
  afterEach(() => world.dispose());

  const closeNow = (period: string, early = false) =>
    world.billing.closePeriod(period, { early, by: operator });
  const late = (id: string, tokens: string, tenant = 'acme') =>
    report(world, { id, tenant, at: Date.UTC(2026, 0, 20), quantities: { tokens } });
  beforeEach(async () => {
    world.clock.set(Date.UTC(2026, 0, 20));
    await world.billing.definePlan(
      {
        key: 'tiers',
        currency: 'USD',
        prices: [{ meter: 'tokens', model: 'graduated', tiers: publishedTiers }],
      },
      operator,
    );
    world.plans.set('acme skyways/flights', 'tiers');
  });

  it('as the difference, in tiers that go on', async () => {
    await late('in-time', '6');
    await close(world, '2026-01');
    await late('late', '14');
    await report(world, { id: 'february', quantities: { tokens: '1' } });
    await close(world, '2026-02');
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 6 4150']);
    // 20 units are 127.50, of which 41.50 are billed; February's tiers begin anew.
    expect(await linesOf(world, '2026-02')).toEqual(['2026-01 tokens 20 8600', '2026-02 tokens 1 700']);
  });

  it('in exactly one later month: no other one moves', async () => {
    await late('in-time', '6');
    await close(world, '2026-01');
    const january = await booksOf(world, '2026-01');
    await late('late', '14');
    await close(world, '2026-02');
    await report(world, { id: 'march', quantities: { tokens: '1' } });
    await close(world, '2026-03');
    expect(await booksOf(world, '2026-01')).toEqual(january);
    expect(await linesOf(world, '2026-03')).toEqual(['2026-03 tokens 1 700']);
  });

  it('again and again: each time what is not yet billed', async () => {
    await late('1', '5');
    await closeNow('2026-01', true);
    world.clock.set(Date.UTC(2026, 1, 10));
    await late('2', '1');
    await closeNow('2026-02', true);
    await late('3', '14');
    await late('4', '5');
    await close(world, '2026-03');
    const lines = [];
    for (const period of ['2026-01', '2026-02', '2026-03']) lines.push(await linesOf(world, period));
    expect(lines).toEqual([['2026-01 tokens 5 3500'], ['2026-01 tokens 6 650'], ['2026-01 tokens 25 11600']]);
  });

  it('told again after the close, changes nothing', async () => {
    await late('in-time', '6');
    await close(world, '2026-01');
    expect(
      await ingest(world, [
        world.event({ id: 'in-time', at: Date.UTC(2026, 0, 20), quantities: { tokens: '6' } }),
      ]),
    ).toEqual(['in-time duplicate']);
    await close(world, '2026-02');
    expect(await linesOf(world, '2026-02')).toEqual([]);
  });

  it('from a tenant that had no invoice yet', async () => {
    await late('in-time', '1');
    await close(world, '2026-01');
    await late('late', '1', 'globex');
    await close(world, '2026-02');
    expect(await linesOf(world, '2026-02', 'globex')).toEqual(['2026-01 tokens 1 33']);
  });

  it('as a credit, where the later word of a meter is lower', async () => {
    await world.billing.meters.define(
      { key: 'seats', unit: 'seats', aggregation: 'latest', authority: 'provider' },
      operator,
    );
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1500, currency: 'USD', from: '2026-01' },
      operator,
    );
    await sell(world, 'seats', [perUnit('seats', '1.01')]);
    await report(world, { id: 'a', quantities: { seats: '10' } });
    await closeNow('2026-01', true);
    await report(world, { id: 'b', at: world.clock.now() + 1, quantities: { seats: '3' } });
    const { outcome } = await close(world, '2026-02');
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 seats 10 1010']);
    expect(await linesOf(world, '2026-02')).toEqual(['2026-01 seats 3 -707']);
    const [{ gross, commission, net } = {}] = (await booksOf(world, '2026-02')).settlements;
    // 15 % of 10.10 is 1.515, taken as 1.52; of the 3.03 that remain it is 0.4545, so 1.07 go back.
    expect([gross, commission, net]).toEqual(['-707', '-107', '-600']);
    expect(outcome?.tieOut.every(({ ok }) => ok)).toBe(true);
  });
});
