import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/storage/port.ts';
import { engines, type TestEngine } from '../support/stores.ts';
import { booksOf, close, hashOfAnswer, linesOf, perUnit, publishedTiers, report, sell } from './books.ts';
import { watchCommits } from './watched-store.ts';
import { day, newWorld, operator, type World } from './world.ts';

/** January is closed; February is over and has usage, late usage, two currencies and two providers. */
async function twoMonths(engine: TestEngine): Promise<World> {
  const world = await newWorld(engine);
  const both = ['acme', 'globex'];
  await sell(world, 'tiers', [{ meter: 'tokens', model: 'graduated', tiers: publishedTiers }], {
    tenants: both,
  });
  await sell(world, 'yen', [perUnit('pages', '33')], {
    tenants: both,
    currency: 'JPY',
    agent: 'cloudly/notes',
  });
  for (const [provider, currency] of [
    ['skyways', 'USD'],
    ['cloudly', 'JPY'],
  ] as const)
    await world.billing.setContract(provider, { commissionBps: 1500, currency, from: '2026-01' }, operator);
  world.clock.set(Date.UTC(2026, 0, 20));
  await use(world, Date.UTC(2026, 0, 20), 'january', '3.5');
  await close(world, '2026-01');
  await use(world, Date.UTC(2026, 0, 21), 'late', '4');
  world.clock.set(Date.UTC(2026, 1, 20));
  await use(world, Date.UTC(2026, 1, 20), 'february', '7');
  world.clock.set(Date.UTC(2026, 2, 5));
  return world;
}

function use(world: World, at: number, id: string, units: string): Promise<void> {
  return report(
    world,
    { id: `${id}-a`, at, quantities: { tokens: units } },
    { id: `${id}-b`, at, quantities: { tokens: units }, tenant: 'globex' },
    { id: `${id}-c`, at, quantities: { pages: units }, agent: 'cloudly/notes' },
    { id: `${id}-d`, at, quantities: { pages: '1' }, agent: 'cloudly/notes', tenant: 'globex' },
  );
}

/** March brings late usage of January and February: it shows whether what was billed and settled was kept right. */
async function andMarch(world: World): Promise<unknown> {
  world.clock.set(Date.UTC(2026, 2, 6));
  await use(world, Date.UTC(2026, 1, 25), 'very-late', '5');
  await close(world, '2026-03');
  return { february: await booksOf(world, '2026-02'), march: await booksOf(world, '2026-03') };
}

const closeFebruary = (world: World, through: Store = world.store) =>
  world.reopen(through).closePeriod('2026-02', { early: false, by: operator });

/**
 * Which commits of a close are disturbed: every one; where each request is a round trip, every fifth, for what the others show
 * does not depend on the engine.
 */
function tried(engine: TestEngine, commits: number): readonly number[] {
  const all = Array.from({ length: commits }, (_, index) => index + 1);
  return engine.name === 'dynamodb' ? all.filter((commit) => commit % 5 === 1) : all;
}

async function undisturbed(engine: TestEngine): Promise<{ books: string; commits: number }> {
  const world = await twoMonths(engine);
  let commits = 0;
  await closeFebruary(
    world,
    watchCommits(world.store, (_, pass) => {
      commits++;
      return pass();
    }),
  );
  const books = JSON.stringify(await andMarch(world));
  await world.dispose();
  return { books, commits };
}

describe.each(engines)('a close that is interrupted, on $name', (engine) => {
  it.each([
    ['before it is written', false],
    ['after it is written, before that is known', true],
  ])(
    'at any commit, %s, ends in the very same books',
    async (_, applied) => {
      const expected = await undisturbed(engine);
      expect(expected.commits).toBeGreaterThan(20);
      for (const last of tried(engine, expected.commits)) {
        const world = await twoMonths(engine);
        let commits = 0;
        const dying = watchCommits(world.store, async (__, pass) => {
          if (++commits < last) return pass();
          if (applied && commits === last) await pass();
          throw new Error('the power went out');
        });
        await expect(closeFebruary(world, dying)).rejects.toThrow('the power went out');
        // What had begun is dated when it began, however much later it ends.
        if ((await world.billing.periodState('2026-02')).record !== undefined) world.clock.advance(day / 2);
        await closeFebruary(world);
        expect(JSON.stringify(await andMarch(world)), `interrupted at commit ${last}`).toBe(expected.books);
        await world.dispose();
      }
    },
    120_000,
  );

  it('again and again ends in the very same books', async () => {
    const expected = await undisturbed(engine);
    const world = await twoMonths(engine);
    for (let allowed = 1; ; allowed++) {
      let left = allowed;
      const dying = watchCommits(world.store, (_, pass) => {
        if (left-- > 0) return pass();
        throw new Error('the power went out');
      });
      const outcome = await closeFebruary(world, dying).catch(() => undefined);
      if (outcome !== undefined) break;
      expect(allowed).toBeLessThan(expected.commits);
    }
    expect(JSON.stringify(await andMarch(world))).toBe(expected.books);
    await world.dispose();
  }, 120_000);

  it('by another run that does all of it, at any commit, and then goes on', async () => {
    const expected = await undisturbed(engine);
    for (const at of tried(engine, expected.commits)) {
      const world = await twoMonths(engine);
      let commits = 0;
      const overtaken = watchCommits(world.store, async (_, pass) => {
        if (++commits === at) await closeFebruary(world);
        return pass();
      });
      await closeFebruary(world, overtaken);
      expect(JSON.stringify(await andMarch(world)), `overtaken at commit ${at}`).toBe(expected.books);
      await world.dispose();
    }
  }, 120_000);

  it('so long that the next month is closed too, takes nothing back when it goes on', async () => {
    const expected = await undisturbed(engine);
    for (const at of tried(engine, expected.commits)) {
      const world = await twoMonths(engine);
      let commits = 0;
      let after: unknown;
      const overtaken = watchCommits(world.store, async (_, pass) => {
        if (++commits === at) {
          await closeFebruary(world);
          after = await andMarch(world);
        }
        return pass();
      });
      await closeFebruary(world, overtaken);
      const books = { february: await booksOf(world, '2026-02'), march: await booksOf(world, '2026-03') };
      expect(JSON.stringify(after)).toBe(expected.books);
      expect(JSON.stringify(books), `overtaken at commit ${at}`).toBe(expected.books);
      // What later corrections and commissions go on from is March's state, too.
      await report(world, { id: 'even-later', at: Date.UTC(2026, 2, 2), quantities: { tokens: '1' } });
      await close(world, '2026-04');
      expect(
        (await booksOf(world, '2026-04')).settlements.map(({ gross, commission }) => [gross, commission]),
      ).toEqual([['700', '105']]);
      await world.dispose();
    }
  }, 120_000);

  it('or run several times at once, has one result', async () => {
    const expected = await undisturbed(engine);
    const world = await twoMonths(engine);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => closeFebruary(world)));
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    expect(JSON.stringify(await andMarch(world))).toBe(expected.books);
    await world.dispose();
  }, 120_000);
});

describe('a close that is resumed after a price changed', () => {
  it('never mixes what the two runs rated', async () => {
    for (let last = 1; last <= 8; last++) {
      const world = await newWorld();
      const prices = Array.from({ length: 100 }, (_, n) => perUnit('tokens', '1', { n: String(n) }));
      await sell(world, 'many', prices);
      for (const agent of ['skyways/a', 'skyways/b', 'skyways/c']) world.plans.set(`acme ${agent}`, 'many');
      await world.billing.definePlan(
        { key: 'one', currency: 'USD', prices: [perUnit('tokens', '2')] },
        operator,
      );
      for (const agent of ['skyways/a', 'skyways/b', 'skyways/c'])
        await report(
          world,
          ...prices.map((_, n) => ({ id: `${agent}-${n}`, agent, dimensions: { n: String(n) } })),
        );
      let commits = 0;
      const dying = watchCommits(world.store, (_, pass) => {
        if (++commits < last) return pass();
        throw new Error('the power went out');
      });
      await expect(close(world, '2026-01', world.reopen(dying))).rejects.toThrow('the power went out');
      for (const agent of ['skyways/a', 'skyways/b', 'skyways/c']) world.plans.set(`acme ${agent}`, 'one');
      const { outcome } = await close(world, '2026-01');
      expect(outcome?.tieOut).toMatchObject([{ ok: true }]);
      const { invoices } = await booksOf(world, '2026-01');
      expect(invoices).toHaveLength(1);
      expect(invoices.map(hashOfAnswer)).toEqual(invoices.map(({ contentHash }) => contentHash));
      expect(['300 30000', '3 60000']).toContain(`${invoices[0]?.lines.length} ${invoices[0]?.total}`);
    }
  });
});

describe.each(engines)('events that race with a close, on $name', (engine) => {
  const price = 100;
  async function january(): Promise<World> {
    const world = await newWorld(engine);
    await sell(world, 'basic', [perUnit('tokens', '1')]);
    await report(world, { id: 'first' });
    return world;
  }
  const billedIn = async (world: World, period: string) =>
    (await booksOf(world, period)).invoices.reduce((sum, { total }) => sum + Number(total), 0) / price;

  it('are billed once, in this month or in the next', async () => {
    const world = await january();
    const senders = Array.from({ length: 40 }, (_, n) => report(world, { id: `e${n}` }, { id: `f${n}` }));
    const closing = world.reopen().closePeriod('2026-01', { early: true, by: operator });
    const more = Array.from({ length: 40 }, (_, n) => report(world, { id: `g${n}` }));
    await Promise.all([...senders, closing, ...more]);
    const inJanuary = await billedIn(world, '2026-01');
    await close(world, '2026-02');
    expect(inJanuary + (await billedIn(world, '2026-02'))).toBe(121);
    await world.dispose();
  });

  it('post to the next month when the close begins between their look and their write', async () => {
    const world = await january();
    let raced = false;
    const racing = world.reopen(
      watchCommits(world.store, async (writes, pass) => {
        if (!raced && writes.some(({ partition }) => partition.startsWith('usage-key#'))) {
          raced = true;
          await world.billing.closePeriod('2026-01', { early: true, by: operator });
        }
        return pass();
      }),
    );
    expect(await racing.ingest('skyways', [world.event({ id: 'racer' })])).toEqual([
      { id: 'racer', status: 'accepted' },
    ]);
    expect(raced).toBe(true);
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 1 100']);
    await close(world, '2026-02');
    expect(await linesOf(world, '2026-02')).toEqual(['2026-01 tokens 2 100']);
    await world.dispose();
  });

  it('are billed once, whichever commit of the close they come before', async () => {
    for (let at = 1, commits = at; at <= commits; at++) {
      const world = await january();
      commits = 0;
      await world
        .reopen(
          watchCommits(world.store, async (_, pass) => {
            if (++commits === at)
              await report(world, { id: 'racer' }, { id: 'new-tenant', tenant: 'globex' });
            return pass();
          }),
        )
        .closePeriod('2026-01', { early: true, by: operator });
      expect(await billedIn(world, '2026-01')).toBe(at === 1 ? 2 : 1);
      world.plans.set('globex skyways/flights', 'basic');
      await close(world, '2026-02');
      expect(await billedIn(world, '2026-02')).toBe(at === 1 ? 0 : 2);
      await world.dispose();
    }
  });
});
