import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toMinor } from '../../src/billing/money.ts';
import { type Price, rate } from '../../src/billing/plan.ts';
import { commissionOf, type ContractTotals } from '../../src/billing/settlement.ts';
import { formatDecimal, parseDecimal } from '../../src/kernel/decimal.ts';
import { usageShards } from '../../src/billing/usage-repository.ts';
import { engines } from '../support/stores.ts';
import { booksOf, close, publishedTiers, perUnit, sell } from './books.ts';
import { nearest } from './exact.ts';
import { day, type Event, everything, ingest, newWorld, operator, periodsOf, type World } from './world.ts';

const quantity = fc.bigInt({ min: 0n, max: 40_000_000_000n }).map((value) => formatDecimal(value, 9));
const tenants = ['acme', 'globex', 'initech'];
const agents = ['skyways/flights', 'skyways/hotels', 'cloudly/notes'];

interface Told {
  readonly tenant: string;
  readonly agent: string;
  readonly minutes: number;
  readonly tokens: string;
}
const told: fc.Arbitrary<Told> = fc.record({
  tenant: fc.constantFrom(...tenants),
  agent: fc.constantFrom(...agents),
  minutes: fc.integer({ min: 0, max: 20 * 24 * 60 }),
  tokens: quantity,
});

/** The whole ledger, as it is kept. */
async function ledgerOf(world: World): Promise<unknown> {
  const records = [];
  for (const period of await periodsOf(world)) {
    for (const owner of tenants)
      records.push(await everything((page) => world.store.list(usageShards(period, owner).all, page)));
    for (const provider of ['skyways', 'cloudly'])
      records.push(
        (await world.store.list(`usage-tenants-of#${period}#${provider}`)).items.map(({ sort }) => sort),
      );
  }
  return records;
}

async function send(world: World, events: readonly Event[]): Promise<readonly string[]> {
  const answers = [];
  for (const provider of ['skyways', 'cloudly'])
    answers.push(
      ...(await ingest(
        world,
        events.filter((event) => event['providerid'] === provider),
        provider,
      )),
    );
  return answers;
}

describe.each(engines)('the ledger on $name', (engine) => {
  it('is the same for any order, repetition and division into batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(told, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(), { minLength: 0, maxLength: 20 }),
        fc.integer(),
        fc.integer({ min: 1, max: 50 }),
        async (facts, repeated, seed, batch) => {
          const inOrder = await newWorld(engine);
          const shuffled = await newWorld(engine);
          const events = facts.map(({ minutes, tokens, ...rest }, index) =>
            inOrder.event({
              ...rest,
              id: `e${index}`,
              at: inOrder.clock.now() - minutes * 60_000,
              quantities: { tokens },
            }),
          );
          for (const [id, delegation] of inOrder.delegations) shuffled.delegations.set(id, delegation);
          await send(inOrder, events);

          const again = [
            ...events,
            ...repeated.map((n) => events[n % events.length]).filter((e) => e !== undefined),
          ];
          const order = again
            .map((event, index) => ({ event, at: Math.sin(seed + index) }))
            .toSorted((a, b) => a.at - b.at)
            .map(({ event }) => event);
          const answers = [];
          for (let start = 0; start < order.length; start += batch)
            answers.push(...(await send(shuffled, order.slice(start, start + batch))));
          expect(answers.filter((answer) => answer.endsWith(' accepted'))).toHaveLength(events.length);
          expect(answers.filter((answer) => answer.endsWith(' duplicate'))).toHaveLength(repeated.length);
          expect(await ledgerOf(shuffled)).toEqual(await ledgerOf(inOrder));
          await Promise.all([inOrder.dispose(), shuffled.dispose()]);
        },
      ),
      { numRuns: engine.name === 'memory' ? 40 : 8 },
    );
  }, 60_000);

  it('is not changed by another body under a known id', async () => {
    await fc.assert(
      fc.asyncProperty(told, told, async (first, other) => {
        const world = await newWorld(engine);
        const eventOf = ({ minutes, tokens, ...rest }: Told) =>
          world.event({
            ...rest,
            id: 'e1',
            agent: 'skyways/flights',
            at: world.clock.now() - minutes * 60_000,
            quantities: { tokens },
          });
        await ingest(world, [eventOf(first)]);
        const before = await ledgerOf(world);
        const isSame =
          first.tenant === other.tenant && first.minutes === other.minutes && first.tokens === other.tokens;
        expect(await ingest(world, [eventOf(other)])).toEqual([isSame ? 'e1 duplicate' : 'e1 conflict']);
        expect(await ledgerOf(world)).toEqual(before);
        await world.dispose();
      }),
      { numRuns: engine.name === 'memory' ? 40 : 8 },
    );
  });

  it('holds nothing that no delegation covers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record(
          {
            tenant: fc.constantFrom(...tenants),
            agent: fc.constantFrom(...agents),
            issuedAgo: fc.integer({ min: 0, max: 5 * 24 * 3600 }),
          },
          { requiredKeys: ['tenant', 'agent', 'issuedAgo'] },
        ),
        fc.constantFrom(...tenants),
        fc.constantFrom(...agents),
        fc.integer({ min: 0, max: 5 * 24 * 3600 }),
        async (held, tenant, agent, happenedAgo) => {
          const world = await newWorld(engine);
          const now = Math.floor(world.clock.now() / 1000);
          const issuedAt = now - held.issuedAgo;
          const provider = held.agent.slice(0, held.agent.indexOf('/'));
          const { id } = world.delegate({ ...held, provider, issuedAt, expiresAt: issuedAt + 300 });
          const claimant = agent.slice(0, agent.indexOf('/'));
          const event = world.event(
            { id: 'e1', tenant, agent, at: (now - happenedAgo) * 1000 },
            { delegationid: id },
          );
          const isCovered =
            held.tenant === tenant &&
            held.agent === agent &&
            now - happenedAgo >= issuedAt - 30 &&
            now - happenedAgo <= issuedAt + 300 + 24 * 3600;
          expect(await ingest(world, [event], claimant)).toEqual([
            `e1 ${isCovered ? 'accepted' : 'delegation_mismatch'}`,
          ]);
          expect(await periodsOf(world)).toHaveLength(isCovered ? 1 : 0);
          await world.dispose();
        },
      ),
      { numRuns: engine.name === 'memory' ? 60 : 8 },
    );
  });
});

const months = ['2026-01', '2026-02', '2026-03', '2026-04', '2026-05'];
const tiers: Price = { meter: 'tokens', model: 'graduated', tiers: publishedTiers };
const each: Price = perUnit('tokens', '0.333');
const priceOf = (agent: string) => (agent === 'skyways/flights' ? tiers : each);
const currencyOf = (agent: string) => (agent === 'cloudly/notes' ? 'JPY' : 'USD');
const bps = 1234;

/** Months of usage, some of it late, some months closed early. */
const history = fc.array(
  fc.record({
    early: fc.boolean(),
    usage: fc.array(
      fc.record({
        tenant: fc.constantFrom(...tenants),
        agent: fc.constantFrom(...agents),
        tokens: quantity,
        daysAgo: fc.integer({ min: 0, max: 34 }),
        afterClose: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('the books, whatever happened', () => {
  it('balance, lose nothing, bill nothing twice, and never change', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (story) => {
        const world = await newWorld();
        await sell(world, 'tiers', [tiers], { tenants });
        await sell(world, 'each', [each], { tenants, agent: 'skyways/hotels' });
        await sell(world, 'yen', [each], { tenants, agent: 'cloudly/notes', currency: 'JPY' });
        for (const [provider, currency] of [
          ['skyways', 'USD'],
          ['cloudly', 'JPY'],
        ] as const)
          await world.billing.setContract(
            provider,
            { commissionBps: bps, currency, from: '2026-01' },
            operator,
          );

        /** tenant, agent and charge period → all its tokens. */
        const used = new Map<string, bigint>();
        let count = 0;
        const final = new Map<string, string>();

        const use = async (usage: (typeof story)[number]['usage']) => {
          const events = usage.map(({ daysAgo, tokens, tenant, agent }) => {
            const at = Math.max(world.clock.now() - daysAgo * day, Date.UTC(2026, 0, 1));
            const bucket = `${tenant} ${agent} ${new Date(at).toISOString().slice(0, 7)}`;
            used.set(bucket, (used.get(bucket) ?? 0n) + (parseDecimal(tokens, 9) ?? 0n));
            return world.event({ id: `e${++count}`, tenant, agent, at, quantities: { tokens } });
          });
          const answers = await send(world, events);
          expect(answers.filter((answer) => !answer.endsWith(' accepted'))).toEqual([]);
        };
        const closeAndCheck = async (period: string, early: boolean) => {
          const { outcome } = early
            ? await world.billing.closePeriod(period, { early, by: operator })
            : await close(world, period);
          expect(outcome?.tieOut.every(({ ok }) => ok)).toBe(true);
          const { invoices, settlements, journal } = await booksOf(world, period);
          for (const { currency, invoiced, gross, commission, net } of outcome?.tieOut ?? []) {
            const sum = (amounts: readonly { currency: string; amount: string }[]) =>
              amounts
                .filter((item) => item.currency === currency)
                .reduce((total, { amount }) => total + BigInt(amount), 0n);
            expect(sum(journal)).toBe(0n);
            expect(
              sum(
                invoices.map((invoice) => ({
                  currency,
                  amount: invoice.currency === currency ? invoice.total : '0',
                })),
              ),
            ).toBe(BigInt(invoiced));
            expect(sum(settlements.map((one) => ({ currency: one.currency, amount: one.gross })))).toBe(
              BigInt(gross),
            );
            expect(BigInt(net) + BigInt(commission)).toBe(BigInt(gross));
          }
          for (const { lines, total } of invoices)
            expect(lines.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(BigInt(total));
          final.set(period, JSON.stringify({ invoices, settlements, journal }));
          // What is closed stays as it is, to the byte.
          for (const [closed, bytes] of final)
            expect(JSON.stringify(await booksOf(world, closed))).toBe(bytes);
        };

        for (const [month, { early, usage }] of story.entries()) {
          const period = months[month] ?? '';
          world.clock.set(Math.max(world.clock.now(), Date.UTC(2026, month, 20)));
          await use(usage.filter(({ afterClose }) => !afterClose));
          await closeAndCheck(period, early);
          await use(usage.filter(({ afterClose }) => afterClose));
        }
        // Everything that came late has a month to be billed in.
        await closeAndCheck(months[story.length] ?? '', false);
        const rest = (await periodsOf(world)).filter((period) => period > (months[story.length] ?? ''));
        for (const period of rest) await closeAndCheck(period, false);

        const { invoices, settlements } = await booksOf(world);
        const billed = new Map<string, bigint>();
        for (const { tenant, lines } of invoices)
          for (const { agent, chargePeriod, amount } of lines) {
            const bucket = `${tenant} ${agent} ${chargePeriod}`;
            billed.set(bucket, (billed.get(bucket) ?? 0n) + BigInt(amount));
          }
        const expected = new Map(
          [...used].map(([bucket, tokens]) => {
            const agent = bucket.split(' ')[1] ?? '';
            return [bucket, toMinor(rate(priceOf(agent), tokens), currencyOf(agent))];
          }),
        );
        expect(billed).toEqual(expected);

        // Commission is what one settlement over everything would have taken.
        for (const provider of ['skyways', 'cloudly']) {
          const own = settlements.filter((settlement) => settlement.provider === provider);
          const sum = (field: 'gross' | 'commission') =>
            own.reduce((total, one) => total + BigInt(one[field]), 0n);
          expect(sum('commission')).toBe(nearest({ n: sum('gross') * BigInt(bps), d: 10_000n }));
        }
        const numbers = invoices.map(({ number }) => Number(number.slice('INV-'.length)));
        expect(numbers.toSorted((a, b) => a - b)).toEqual(invoices.map((_, index) => index + 1));
        await world.dispose();
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe('commission', () => {
  it('over any number of settlements is that on the sum, and never off by more than half a unit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -1_000_000n, max: 1_000_000n }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 0, max: 10_000 }),
        (grosses, rateBps) => {
          let totals: ContractTotals | undefined;
          for (const gross of grosses) {
            const commission = commissionOf(gross, rateBps, totals);
            totals = {
              gross: (BigInt(totals?.gross ?? '0') + gross).toString(),
              commission: (BigInt(totals?.commission ?? '0') + commission).toString(),
            };
            expect(BigInt(totals.commission)).toBe(
              nearest({ n: BigInt(totals.gross) * BigInt(rateBps), d: 10_000n }),
            );
          }
        },
      ),
    );
  });

  it('on a thousand times 33 cents at 15 % is 4950 cents', () => {
    let totals: ContractTotals = { gross: '0', commission: '0' };
    for (let line = 0; line < 1000; line++)
      totals = {
        gross: (BigInt(totals.gross) + 33n).toString(),
        commission: (BigInt(totals.commission) + commissionOf(33n, 1500, totals)).toString(),
      };
    expect(totals).toEqual({ gross: '33000', commission: '4950' });
  });
});
