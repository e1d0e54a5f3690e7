import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditEntries } from '../support/audit-entries.ts';
import type { Key, ReadOptions } from '../../src/storage/port.ts';
import { engines } from '../support/stores.ts';
import { booksOf, close, due, hashOfAnswer, linesOf, perUnit, report, sell } from './books.ts';
import { watchCommits } from './watched-store.ts';
import { day, newWorld, operator, type World } from './world.ts';

describe.each(engines)('the close of a month on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
    await sell(world, 'basic', [perUnit('tokens', '0.33')], { tenants: ['acme', 'globex'] });
  });
  afterEach(() => world.dispose());

  const closeNow = (period: string, early = false) =>
    world.billing.closePeriod(period, { early, by: operator });
  const stateNow = async (period: string) => (await world.billing.periodState(period)).state;

  describe('waits', () => {
    it('until the month is over and late events have had 72 hours', async () => {
      await report(world, { id: 'e1' });
      const over = Date.UTC(2026, 1, 1);
      for (const [now, state] of [
        [over - 1, 'open'],
        [over, 'grace'],
        [over + 3 * day - 1, 'grace'],
      ] as const) {
        world.clock.set(now);
        expect(await stateNow('2026-01')).toBe(state);
        await expect(closeNow('2026-01')).rejects.toMatchObject({ code: 'period_not_over' });
      }
      world.clock.set(over + 3 * day);
      expect((await closeNow('2026-01')).state).toBe('closed');
      expect(await stateNow('2026-01')).toBe('closed');
    });

    it('but not for one who asks for it early', async () => {
      await report(world, { id: 'e1' });
      expect((await closeNow('2026-01', true)).state).toBe('closed');
      expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 1 33']);
    });

    it('for a month to begin, early or not', async () => {
      for (const early of [false, true])
        await expect(closeNow('2026-02', early)).rejects.toMatchObject({
          code: 'period_not_over',
          message: '2026-02 has not begun.',
        });
      expect((await world.billing.periodState('2026-02')).record).toBeUndefined();
    });

    it('for earlier months', async () => {
      await report(world, { id: 'e1' });
      world.clock.set(due('2026-02'));
      await expect(closeNow('2026-02')).rejects.toMatchObject({ code: 'earlier_period_open' });
      await closeNow('2026-01');
      await closeNow('2026-02');
      expect(await stateNow('2026-02')).toBe('closed');
    });

    it('for the close of another month that has begun', async () => {
      await report(world, { id: 'e1' });
      world.clock.set(due('2026-02'));
      let commits = 0;
      const dying = watchCommits(world.store, (_, pass) => {
        if (++commits === 1) return pass();
        throw new Error('the power went out');
      });
      const interrupted = world.reopen(dying).closePeriod('2026-01', { early: false, by: operator });
      await expect(interrupted).rejects.toThrow('the power went out');
      expect(await stateNow('2026-01')).toBe('closing');
      await expect(closeNow('2026-02')).rejects.toMatchObject({
        code: 'earlier_period_open',
        message: 'Close 2026-01 first.',
      });
      await closeNow('2026-01');
      await closeNow('2026-02');
    });
  });

  describe('of a month passes over those before it that had no usage', () => {
    beforeEach(async () => {
      world.clock.set(Date.UTC(2026, 1, 3));
      await report(world, { id: 'february' });
      await closeNow('2026-02', true);
    });

    it('which are closed with it', async () => {
      expect(await stateNow('2026-01')).toBe('closed');
      expect(await closeNow('2026-01')).toMatchObject({
        state: 'closed',
        outcome: { events: 0, invoices: 0 },
      });
      expect(await stateNow('2026-03')).toBe('open');
    });

    it('so that what comes late for them posts to the next one, under what was billed for it', async () => {
      await report(world, { id: 'late', at: Date.UTC(2026, 0, 31) });
      await close(world, '2026-03');
      expect(await booksOf(world, '2026-01')).toEqual({ invoices: [], settlements: [], journal: [] });
      expect(await linesOf(world, '2026-03')).toEqual(['2026-01 tokens 1 33']);
    });

    it('and waits when one of them gets its first usage at the very moment', async () => {
      world.clock.set(Date.UTC(2026, 4, 2));
      let raced = false;
      const racing = watchCommits(world.store, async (writes, pass) => {
        if (!raced && writes.some(({ partition }) => partition === 'billing-period#2026-05')) {
          raced = true;
          await report(world, { id: 'april', at: Date.UTC(2026, 3, 30) });
        }
        return pass();
      });
      const closing = world.reopen(racing).closePeriod('2026-05', { early: true, by: operator });
      await expect(closing).rejects.toMatchObject({ message: 'Close 2026-04 first.' });
      expect(raced).toBe(true);
      await closeNow('2026-04', true);
      expect(await linesOf(world, '2026-04')).toEqual(['2026-04 tokens 1 33']);
      await closeNow('2026-05', true);
    });
  });

  it('of two months at once is that of one after the other, and commission is taken once on all', async () => {
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1500, currency: 'USD', from: '2026-01' },
      operator,
    );
    await report(world, { id: 'january' });
    world.clock.set(due('2026-01'));
    await report(world, { id: 'february' });
    world.clock.set(due('2026-02'));
    let outcomes: readonly string[];
    do {
      const both = await Promise.allSettled(
        ['2026-01', '2026-02', '2026-02', '2026-01'].map((period) =>
          world.reopen().closePeriod(period, { early: false, by: operator }),
        ),
      );
      outcomes = both.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value.state : (outcome.reason as { code: string }).code,
      );
      expect(outcomes.filter((state) => state !== 'closed' && state !== 'earlier_period_open')).toEqual([]);
    } while (outcomes.includes('earlier_period_open'));
    const { settlements } = await booksOf(world);
    // 4.95 and 9.90 cents so far.
    expect(settlements.map(({ period, commission }) => [period, commission])).toEqual([
      ['2026-01', '5'],
      ['2026-02', '5'],
    ]);
  });

  it('of a month without usage is an empty one', async () => {
    const { outcome } = await close(world, '2026-01');
    expect(outcome).toMatchObject({ events: 0, invoices: 0, settlements: 0, tieOut: [], unpricedCount: 0 });
    expect(await booksOf(world, '2026-01')).toEqual({ invoices: [], settlements: [], journal: [] });
  });

  it('bills each tenant, and settles with each provider', async () => {
    await sell(world, 'notes', [perUnit('pages', '2')], { tenants: ['globex'], agent: 'cloudly/notes' });
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1000, currency: 'USD', from: '2026-01' },
      operator,
    );
    await report(
      world,
      { id: 'a', quantities: { tokens: '1000' } },
      { id: 'b', tenant: 'globex', quantities: { tokens: '10' } },
      { id: 'c', tenant: 'globex', agent: 'cloudly/notes', quantities: { pages: '4' } },
    );
    const { outcome } = await close(world, '2026-01');
    const { invoices, settlements, journal } = await booksOf(world, '2026-01');
    expect(invoices.map(({ number, tenant, currency, total }) => [number, tenant, currency, total])).toEqual([
      ['INV-000001', 'acme', 'USD', '33000'],
      ['INV-000002', 'globex', 'USD', '1130'],
    ]);
    expect(
      settlements.map(({ provider, contract, commissionBps, gross, commission, net }) => [
        provider,
        contract,
        commissionBps,
        gross,
        commission,
        net,
      ]),
    ).toEqual([
      ['cloudly', undefined, 0, '800', '0', '800'],
      ['skyways', 'skyways-usd-2026-01', 1000, '33330', '3333', '29997'],
    ]);
    expect(settlements[1]?.lines.map(({ tenant, amount }) => [tenant, amount])).toEqual([
      ['acme', '33000'],
      ['globex', '330'],
    ]);
    expect(
      Object.fromEntries(journal.map(({ account, amount, document }) => [`${account} ${document}`, amount])),
    ).toEqual({
      [`receivable:tenant:acme ${invoices[0]?.id}`]: '33000',
      [`receivable:tenant:globex ${invoices[1]?.id}`]: '1130',
      [`payable:provider:cloudly ${settlements[0]?.id}`]: '-800',
      [`payable:provider:skyways ${settlements[1]?.id}`]: '-29997',
      [`revenue:commission ${settlements[0]?.id}`]: '0',
      [`revenue:commission ${settlements[1]?.id}`]: '-3333',
    });
    expect(outcome).toMatchObject({
      events: 3,
      invoices: 2,
      settlements: 2,
      tieOut: [
        {
          currency: 'USD',
          invoiced: '34130',
          gross: '34130',
          commission: '3333',
          net: '30797',
          journal: '0',
          ok: true,
        },
      ],
    });
  });

  it('is the same again, whoever asks and whenever', async () => {
    await report(world, { id: 'a' }, { id: 'b', tenant: 'globex' });
    const first = await close(world, '2026-01');
    const books = await booksOf(world, '2026-01');
    world.clock.advance(100 * day);
    expect(await closeNow('2026-01')).toEqual(first);
    expect(await closeNow('2026-01', true)).toEqual(first);
    expect(await world.reopen().closePeriod('2026-01', { early: false, by: operator })).toEqual(first);
    expect(await booksOf(world, '2026-01')).toEqual(books);
  });

  it('numbers invoices without a gap, over months, tenants and currencies', async () => {
    await sell(world, 'yen', [perUnit('tokens', '5')], {
      currency: 'JPY',
      agent: 'skyways/hotels',
      tenants: ['acme'],
    });
    for (const [month, period] of ['2026-01', '2026-02', '2026-03', '2026-04'].entries()) {
      world.clock.set(Date.UTC(2026, month, 20));
      await report(
        world,
        { id: `${period}-a` },
        { id: `${period}-b`, agent: 'skyways/hotels' },
        ...(month === 2 ? [] : [{ id: `${period}-c`, tenant: 'globex' }]),
      );
      await close(world, period);
      // A month without invoices takes no number.
      if (period === '2026-02') await close(world, '2025-06');
    }
    const { invoices } = await booksOf(world);
    expect(invoices.map(({ number }) => number).toSorted()).toEqual(
      Array.from({ length: 11 }, (_, n) => `INV-${String(n + 1).padStart(6, '0')}`),
    );
    for (const period of ['2026-01', '2026-02', '2026-03', '2026-04']) {
      const numbers = invoices.filter((invoice) => invoice.period === period).map(({ number }) => number);
      expect(numbers).toEqual(numbers.toSorted());
    }
  });

  it('gives each invoice a hash of everything on it', async () => {
    await report(world, { id: 'a' }, { id: 'b', tenant: 'globex' });
    await close(world, '2026-01');
    const { invoices } = await booksOf(world, '2026-01');
    for (const invoice of invoices) {
      expect(hashOfAnswer(invoice)).toBe(invoice.contentHash);
      expect(hashOfAnswer({ ...invoice, total: '0' })).not.toBe(invoice.contentHash);
      const lines = invoice.lines.map((line) => ({ ...line, price: line.price + 1 }));
      expect(hashOfAnswer({ ...invoice, lines })).not.toBe(invoice.contentHash);
    }
    expect(new Set(invoices.map(({ contentHash }) => contentHash)).size).toBe(2);
  });

  it('is dated when it began', async () => {
    await report(world, { id: 'a' });
    const { closingAt } = await close(world, '2026-01');
    const { invoices, settlements } = await booksOf(world, '2026-01');
    expect([...invoices, ...settlements].map(({ issuedAt }) => issuedAt)).toEqual([closingAt, closingAt]);
    expect(closingAt).toBe(due('2026-01'));
  });

  it('is on record in the audit log, once', async () => {
    await report(world, { id: 'a' });
    await close(world, '2026-01');
    await closeNow('2026-01');
    const actions = (await auditEntries(world.store)).map(({ action }) => action);
    expect(actions.filter((action) => action.startsWith('period'))).toEqual([
      'period.close.begin',
      'period.close',
    ]);
  });

  it('is one close when another process begins it between our two looks', async () => {
    await report(world, { id: 'a' });
    world.clock.set(due('2026-01'));
    let isFirst = true;
    let died = '';
    const between = {
      ...world.store,
      get: async <T>(key: Key, options?: ReadOptions) => {
        if (isFirst && key.partition.startsWith('billing-frontier')) {
          isFirst = false;
          const dying = watchCommits(world.store, async (_, pass) => {
            await pass();
            throw new Error('it dies as soon as it has begun');
          });
          await world
            .reopen(dying)
            .closePeriod('2026-01', { early: false, by: operator })
            .catch((error: unknown) => (died = String(error)));
        }
        return world.store.get<T>(key, options);
      },
    };
    const closed = await world.reopen(between).closePeriod('2026-01', { early: false, by: operator });
    expect(died).toContain('it dies as soon as it has begun');
    expect(closed.state).toBe('closed');
  });
});
