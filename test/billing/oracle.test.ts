import fc from 'fast-check';
import { expect, it } from 'vitest';
import { usageKey } from '../../src/billing/usage-record.ts';
import { booksOf, hashOfAnswer } from './books.ts';
import {
  expectedLines,
  expectedSettlements,
  expectedUnpriced,
  type Fact,
  type Facts,
  monthOf,
} from './oracle.ts';
import { day, ingest, newWorld, operator, type World } from './world.ts';

const tenants = ['acme', 'globex'];
const agents = ['skyways/flights', 'cloudly/notes'];
/** The world has the first two already. */
const meters = { tokens: 'sum', pages: 'sum', visits: 'count', seats: 'latest', peak: 'max' } as const;
const exponents = { USD: 2n, JPY: 0n, KWD: 3n };
const plans: Facts['plans'] = {
  dollars: {
    currency: 'USD',
    prices: [
      { meter: 'tokens', where: { model: 'large' }, unitAmount: '0.0125' },
      {
        meter: 'tokens',
        tiers: [
          { upTo: '2.5', unitAmount: '0.333' },
          { upTo: '10', unitAmount: '0.1' },
          { unitAmount: '0.07' },
        ],
      },
      { meter: 'seats', unitAmount: '4.995' },
    ],
  },
  yen: {
    currency: 'JPY',
    prices: [
      { meter: 'tokens', unitAmount: '33.5' },
      { meter: 'pages', unitAmount: '0.5' },
      { meter: 'visits', unitAmount: '1.5' },
      { meter: 'peak', tiers: [{ upTo: '3', unitAmount: '7' }, { unitAmount: '11.5' }] },
    ],
  },
  dinars: { currency: 'KWD', prices: [{ meter: 'seats', where: { model: 'large' }, unitAmount: '0.0005' }] },
};
const planKey = fc.constantFrom('dollars', 'yen', 'dinars', undefined);

const use = fc.record({
  tenant: fc.constantFrom(...tenants),
  agent: fc.constantFrom(...agents),
  meter: fc.constantFrom(...Object.keys(meters)),
  units: fc
    .bigInt({ min: 0n, max: 20_000_000_000n })
    .map((n) => `${n / 10n ** 9n}.${String(n % 10n ** 9n).padStart(9, '0')}`),
  model: fc.constantFrom('large', 'small', undefined),
  daysAgo: fc.integer({ min: 0, max: 34 }),
  isAfterClose: fc.boolean(),
});
const story = fc.record({
  months: fc.array(
    fc.record({
      isEarly: fc.boolean(),
      isSkipped: fc.boolean(),
      uses: fc.array(use, { maxLength: 8 }),
      /** A tenant's new plan for an agent, in mid-month. */
      change: fc.option(
        fc.record({ tenant: fc.constantFrom(...tenants), agent: fc.constantFrom(...agents), plan: planKey }),
      ),
      contract: fc.option(
        fc.record({
          provider: fc.constantFrom('skyways', 'cloudly'),
          currency: fc.constantFrom('USD', 'JPY', 'KWD'),
          commissionBps: fc.integer({ min: 0, max: 10_000 }),
        }),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  plans: fc.array(planKey, { minLength: 4, maxLength: 4 }),
});

async function openShop(first: readonly (string | undefined)[]): Promise<World> {
  const world = await newWorld();
  for (const key of ['visits', 'seats', 'peak'] as const)
    await world.billing.meters.define(
      { key, unit: key, aggregation: meters[key], authority: 'provider' },
      operator,
    );
  for (const [key, { currency, prices }] of Object.entries(plans))
    await world.billing.definePlan(
      {
        key,
        currency,
        prices: prices.map(({ meter, where, unitAmount, tiers }) => ({
          meter,
          ...(where === undefined ? {} : { where }),
          ...(tiers === undefined
            ? { model: 'per_unit', unitAmount: unitAmount ?? '0' }
            : { model: 'graduated', tiers }),
        })),
      },
      operator,
    );
  for (const [index, tenant] of tenants.entries())
    for (const [place, agent] of agents.entries()) {
      const plan = first[index * 2 + place];
      world.histories.set(`${tenant} ${agent}`, [{ createdAt: 0, ...(plan === undefined ? {} : { plan }) }]);
    }
  return world;
}

it('the books of any months are those of an oracle that counts on its fingers', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ months, plans: first }) => {
      const world = await openShop(first);
      const facts: Fact[] = [];
      const contracts: Facts['contracts'][number][] = [];
      const closed: string[] = [];
      const oracle = (): Facts => ({
        facts,
        meters,
        plans,
        subscriptions: world.histories,
        contracts,
        exponents,
      });

      /** Where the oracle says that it posts: its own month, or the one after the last that was closed. */
      const postsTo = (month: string) => {
        const last = closed.at(-1);
        if (last === undefined || month > last) return month;
        const [year = 0, number = 1] = last.split('-').map(Number);
        return monthOf(Date.UTC(year, number, 1));
      };
      const openMonths = () =>
        [...new Set(facts.map((fact) => fact.period))]
          .filter((period) => period > (closed.at(-1) ?? ''))
          .toSorted();
      const report = async (uses: (typeof months)[number]['uses']) => {
        for (const { tenant, agent, meter, units, model, daysAgo } of uses) {
          const at = Math.max(world.clock.now() - daysAgo * day, Date.UTC(2026, 0, 1));
          const id = `e${facts.length}`;
          const dimensions = model === undefined ? {} : { model };
          const quantities = { [meter]: units };
          const event = world.event({ id, tenant, agent, at, quantities, dimensions });
          const provider = agent.split('/')[0] ?? '';
          expect(await ingest(world, [event], provider)).toEqual([`${id} accepted`]);
          const key = usageKey(`urn:broker.example.com:provider:${provider}`, id);
          facts.push({ tenant, agent, at, key, quantities, dimensions, period: postsTo(monthOf(at)) });
        }
      };
      const closeAndCompare = async (period: string, early: boolean) => {
        if (!early) world.clock.set(Math.max(world.clock.now(), Date.UTC(2026, Number(period.slice(5)), 4)));
        const { outcome } = await world.billing.closePeriod(period, { early, by: operator });
        closed.push(period);
        const { invoices, settlements } = await booksOf(world, period);
        expect(
          invoices
            .flatMap(({ tenant, currency, lines }) =>
              lines.map((line) =>
                [
                  tenant,
                  currency,
                  line.agent,
                  line.chargePeriod,
                  line.plan,
                  line.price,
                  line.quantity,
                  line.amount,
                ].join(' '),
              ),
            )
            .toSorted(),
        ).toEqual(expectedLines(oracle(), period));
        expect(
          settlements
            .map(({ provider, currency, contract, commissionBps, gross, commission, net }) =>
              [
                provider,
                currency,
                contract === undefined ? '-' : commissionBps,
                contract === undefined ? '-' : contract.slice(-7),
                gross,
                commission,
                net,
              ].join(' '),
            )
            .toSorted(),
        ).toEqual(expectedSettlements(oracle(), closed));
        expect(
          outcome?.unpriced
            .map(({ tenant, agent, meter, quantity, reason }) =>
              [tenant, agent, meter, reason, quantity].join(' '),
            )
            .toSorted(),
        ).toEqual(expectedUnpriced(oracle(), period));
        expect(outcome?.tieOut.every(({ ok }) => ok)).toBe(true);
        expect(invoices.map(hashOfAnswer)).toEqual(invoices.map(({ contentHash }) => contentHash));
      };

      for (const [month, { isEarly, isSkipped, uses, change, contract }] of months.entries()) {
        const period = monthOf(Date.UTC(2026, month, 1));
        if (
          contract !== null &&
          !contracts.some(
            (one) =>
              one.provider === contract.provider && one.currency === contract.currency && one.from === period,
          )
        ) {
          contracts.push({ ...contract, from: period });
          const { provider, ...terms } = contract;
          await world.billing.setContract(provider, { ...terms, from: period }, operator);
        }
        world.clock.set(Math.max(world.clock.now(), Date.UTC(2026, month, 20)));
        if (change !== null) {
          const key = `${change.tenant} ${change.agent}`;
          const terms = {
            createdAt: Date.UTC(2026, month, 10),
            ...(change.plan === undefined ? {} : { plan: change.plan }),
          };
          world.histories.set(key, [...(world.histories.get(key) ?? []), terms]);
        }
        await report(uses.filter(({ isAfterClose }) => !isAfterClose));
        for (const used of openMonths().filter((one) => one < period)) await closeAndCompare(used, true);
        // A month that nobody used need not be closed for the next one to be.
        if (!isSkipped || openMonths().includes(period)) await closeAndCompare(period, isEarly);
        await report(uses.filter(({ isAfterClose }) => isAfterClose));
      }
      for (const period of openMonths()) await closeAndCompare(period, false);
      const { invoices } = await booksOf(world);
      expect(invoices.map(({ number }) => number).toSorted()).toEqual(
        invoices.map((_, index) => `INV-${String(index + 1).padStart(6, '0')}`),
      );
      await world.dispose();
    }),
    { numRuns: 200 },
  );
}, 120_000);
