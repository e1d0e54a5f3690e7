import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { auditEntries } from '../support/audit-entries.ts';
import { engines } from '../support/stores.ts';
import { booksOf, close, due, linesOf, perUnit, publishedTiers, report, sell } from './books.ts';
import { day, ingest, newWorld, operator, type World } from './world.ts';

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
    for (const { contentHash, ...content } of invoices) {
      expect(contentHash).toBe(sha256(canonicalJson(content)));
      expect(sha256(canonicalJson({ ...content, total: '0' }))).not.toBe(contentHash);
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

  describe('takes commission', () => {
    const contract = (commissionBps: number, from: string, provider = 'skyways') =>
      world.billing.setContract(provider, { commissionBps, currency: 'USD', from }, operator);
    const settled = async (period: string) =>
      (await booksOf(world, period)).settlements.map(({ gross, commission, net }) => [
        gross,
        commission,
        net,
      ]);

    it('on the sum: a thousand lines of 33 cents at 15 % are 4950 cents, not 5000', async () => {
      await contract(1500, '2026-01');
      const tenants = Array.from({ length: 1000 }, (_, n) => `t${n}`);
      for (const tenant of tenants) world.plans.set(`${tenant} skyways/flights`, 'basic');
      await report(world, ...tenants.map((tenant) => ({ id: tenant, tenant })));
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

  describe('is followed by what comes late', () => {
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
      expect(lines).toEqual([
        ['2026-01 tokens 5 3500'],
        ['2026-01 tokens 6 650'],
        ['2026-01 tokens 25 11600'],
      ]);
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
});
