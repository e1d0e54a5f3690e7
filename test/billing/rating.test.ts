import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toMinor } from '../../src/billing/money.ts';
import { type Price, rate, type Tier } from '../../src/billing/plan.ts';
import { formatDecimal, parseDecimal } from '../../src/kernel/decimal.ts';
import { close, linesOf, perUnit, publishedTiers, report, sell } from './books.ts';
import { add, isLess, minus, type Rational, rational, times } from './exact.ts';
import { newWorld, operator, type World } from './world.ts';

const graduated = (tiers: readonly Tier[]): Price => ({ meter: 'tokens', model: 'graduated', tiers });
const cost = (price: Price, quantity: string, currency = 'USD') =>
  toMinor(rate(price, parseDecimal(quantity, 9) ?? -1n), currency);

describe('graduated tiers', () => {
  it.each([
    ['0', 0n],
    ['1', 700n],
    ['5', 3500n],
    ['6', 4150n],
    ['10', 6750n],
    ['11', 7350n],
    ['20', 12_750n],
    ['25', 15_750n],
    ['0.5', 350n],
    ['5.5', 3825n],
    ['5.000000001', 3500n],
    ['10.25', 6900n],
  ])('as published: %s units cost %s cents', (quantity, cents) => {
    expect(cost(graduated(publishedTiers), quantity)).toBe(cents);
  });

  const price = fc.bigInt({ min: 0n, max: 10n ** 15n }).map((value) => formatDecimal(value, 12));
  const quantity = fc.bigInt({ min: 0n, max: 10n ** 14n }).map((value) => formatDecimal(value, 9));
  const tiers = fc
    .tuple(
      fc.uniqueArray(fc.bigInt({ min: 1n, max: 10n ** 14n }), { minLength: 0, maxLength: 5 }),
      fc.array(price, { minLength: 6, maxLength: 6 }),
    )
    .map(([ends, prices]) => {
      const sorted = ends.toSorted((a, b) => (a < b ? -1 : 1));
      return [
        ...sorted.map((end, place) => ({ upTo: formatDecimal(end, 9), unitAmount: prices[place] ?? '0' })),
        { unitAmount: prices[5] ?? '0' },
      ];
    });

  /** Adds up what lies between each pair of ends; knows nothing of scales. */
  function oracle(steps: readonly Tier[], units: Rational): Rational {
    let from = rational('0');
    let sum = rational('0');
    for (const { upTo, unitAmount } of steps) {
      const end = upTo === undefined || isLess(units, rational(upTo)) ? units : rational(upTo);
      if (isLess(from, end)) {
        sum = add(sum, times(minus(end, from), rational(unitAmount)));
        from = end;
      }
    }
    return sum;
  }

  it('cost what exact arithmetic says', () => {
    fc.assert(
      fc.property(tiers, quantity, (steps, text) => {
        const expected = oracle(steps, rational(text));
        const got = rate(graduated(steps), parseDecimal(text, 9) ?? -1n);
        expect(got * expected.d).toBe(expected.n * 10n ** 21n);
      }),
    );
  });

  it('never cost less for more', () => {
    fc.assert(
      fc.property(tiers, quantity, quantity, (steps, a, b) => {
        const [less, more] = [a, b]
          .map((text) => parseDecimal(text, 9) ?? 0n)
          .toSorted((x, y) => (x < y ? -1 : 1));
        expect(rate(graduated(steps), less ?? 0n)).toBeLessThanOrEqual(rate(graduated(steps), more ?? 0n));
      }),
    );
  });

  it('with one tier are a price per unit', () => {
    fc.assert(
      fc.property(price, quantity, (unitAmount, text) => {
        const units = parseDecimal(text, 9) ?? 0n;
        expect(rate(graduated([{ unitAmount }]), units)).toBe(rate(perUnit('tokens', unitAmount), units));
      }),
    );
  });

  it('cumulative differences add up to the single shot', () => {
    fc.assert(
      fc.property(tiers, fc.array(quantity, { minLength: 1, maxLength: 8 }), (steps, parts) => {
        let total = 0n;
        let billed = 0n;
        for (const part of parts) {
          total += parseDecimal(part, 9) ?? 0n;
          billed += toMinor(rate(graduated(steps), total), 'USD') - billed;
        }
        expect(billed).toBe(toMinor(rate(graduated(steps), total), 'USD'));
      }),
    );
  });
});

describe('a price per unit', () => {
  it.each([
    ['0.0025', '1', 'USD', 0n],
    ['0.0025', '2', 'USD', 1n],
    ['0.000000000001', '999999999999999999', 'USD', 100_000_000n],
    ['0.33', '1000', 'USD', 33_000n],
    ['150', '1.5', 'JPY', 225n],
    ['0.5', '1', 'JPY', 1n],
    ['0.0005', '1', 'KWD', 1n],
    ['0', '1000000', 'USD', 0n],
  ])('of %s for %s units in %s', (unitAmount, quantity, currency, minor) => {
    expect(cost(perUnit('tokens', unitAmount), quantity, currency)).toBe(minor);
  });
});

describe('what a month of usage costs', () => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld();
  });
  afterEach(() => world.dispose());

  it('is rounded once for a line, not for each event', async () => {
    await sell(world, 'basic', [perUnit('tokens', '0.0049')]);
    await report(world, ...Array.from({ length: 100 }, (_, n) => ({ id: `e${n}` })));
    await close(world, '2026-01');
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 100 49']);
  });

  it('is that of the tiers over the whole month, not over each event', async () => {
    await sell(world, 'tiers', [graduated(publishedTiers)]);
    await report(
      world,
      ...[5, 5, 5, 10].map((n, index) => ({ id: `e${index}`, quantities: { tokens: String(n) } })),
    );
    await close(world, '2026-01');
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 25 15750']);
  });

  it('goes by dimensions: the first price that fits, in the plan’s order', async () => {
    await sell(world, 'models', [
      perUnit('tokens', '10', { model: 'large', region: 'eu' }),
      perUnit('tokens', '5', { model: 'large' }),
      perUnit('tokens', '1'),
      perUnit('tokens', '0.01', { model: 'small' }),
    ]);
    await report(
      world,
      { id: 'a', dimensions: { model: 'large', region: 'eu', user: 'x' } },
      { id: 'b', dimensions: { model: 'large' } },
      { id: 'c', dimensions: { model: 'large', region: 'us' } },
      { id: 'd', dimensions: { model: 'small' } },
      { id: 'e' },
      { id: 'f', dimensions: { constructor: 'x' } },
    );
    await close(world, '2026-01');
    expect(await linesOf(world, '2026-01')).toEqual([
      '2026-01 tokens 1 1000',
      '2026-01 tokens 2 1000',
      '2026-01 tokens 3 300',
    ]);
  });

  it.each([
    ['count', '3', '300'],
    ['max', '7', '700'],
    ['latest', '2', '200'],
  ] as const)('goes by the meter’s own way to add up: %s', async (aggregation, quantity, amount) => {
    await world.billing.meters.define(
      { key: 'seats', unit: 'seats', aggregation, authority: 'provider' },
      operator,
    );
    await sell(world, 'seats', [perUnit('seats', '1')]);
    const at = world.clock.now();
    await report(
      world,
      { id: 'late', at: at + 2000, quantities: { seats: '2' } },
      { id: 'early', at, quantities: { seats: '5' } },
      { id: 'middle', at: at + 1000, quantities: { seats: '7' } },
    );
    await close(world, '2026-01');
    expect(await linesOf(world, '2026-01')).toEqual([`2026-01 seats ${quantity} ${amount}`]);
  });

  it('is apart for each agent, and for each currency on an invoice of its own', async () => {
    await sell(world, 'dollars', [perUnit('tokens', '1')]);
    await sell(world, 'yen', [perUnit('tokens', '100')], { currency: 'JPY', agent: 'cloudly/notes' });
    await sell(world, 'more-dollars', [perUnit('tokens', '2')], { agent: 'skyways/hotels' });
    await report(
      world,
      { id: 'a' },
      { id: 'b', agent: 'cloudly/notes' },
      { id: 'c', agent: 'skyways/hotels' },
    );
    const { tieOut } = (await close(world, '2026-01')).outcome ?? {};
    expect(tieOut?.map(({ currency, invoiced, ok }) => [currency, invoiced, ok])).toEqual([
      ['JPY', '100', true],
      ['USD', '300', true],
    ]);
    expect(await linesOf(world, '2026-01')).toEqual([
      '2026-01 tokens 1 100',
      '2026-01 tokens 1 100',
      '2026-01 tokens 1 200',
    ]);
  });

  it('is reported where there is no price, never dropped', async () => {
    await sell(world, 'partly', [perUnit('pages', '1'), perUnit('calls', '1', { method: 'SendMessage' })]);
    await report(
      world,
      { id: 'a', quantities: { tokens: '2.5', pages: '1' } },
      { id: 'b', quantities: { tokens: '1' } },
      { id: 'c', tenant: 'globex' },
    );
    await world.billing.observe([
      world.observed({ id: 'x', quantities: { calls: '1', bytes_in: '10' } }),
      world.observed({ id: 'y', quantities: { calls: '1' }, dimensions: { method: 'SendMessage' } }),
    ]);
    const { outcome } = await close(world, '2026-01');
    expect(outcome?.unpriced).toEqual([
      { tenant: 'acme', agent: 'skyways/flights', meter: 'calls', reason: 'no_price', quantity: '1' },
      { tenant: 'acme', agent: 'skyways/flights', meter: 'tokens', reason: 'no_price', quantity: '3.5' },
      { tenant: 'globex', agent: 'skyways/flights', meter: 'tokens', reason: 'no_plan', quantity: '1' },
    ]);
    expect(outcome?.unpricedCount).toBe(3);
    expect(outcome?.events).toBe(5);
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 pages 1 100', '2026-01 calls 1 100']);
  });

  it('shows a hundred unpriced, and how many there are', async () => {
    await report(world, ...Array.from({ length: 130 }, (_, n) => ({ id: `e${n}`, agent: `skyways/a${n}` })));
    const { outcome } = await close(world, '2026-01');
    expect(outcome?.unpriced).toHaveLength(100);
    expect(outcome?.unpricedCount).toBe(130);
  });

  it('is on one invoice however many lines it has, and however long their conditions are', async () => {
    const where = (n: number) =>
      Object.fromEntries(Array.from({ length: 10 }, (_, d) => [`dimension-${d}`, `${n}`.padEnd(128, '€')]));
    for (const agent of Array.from({ length: 6 }, (_, n) => `skyways/a${n}`)) {
      await sell(
        world,
        agent.replace('/', '-'),
        Array.from({ length: 50 }, (_, n) => perUnit('tokens', '1', where(n))),
        { agent },
      );
      await report(
        world,
        ...Array.from({ length: 50 }, (_, n) => ({ id: `${agent}-${n}`, agent, dimensions: where(n) })),
      );
    }
    await close(world, '2026-01');
    expect(await linesOf(world, '2026-01')).toEqual(
      Array.from({ length: 300 }, () => '2026-01 tokens 1 100'),
    );
  });
});
