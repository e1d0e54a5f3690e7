import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { booksOf, close, perUnit, publishedTiers, report, sell } from './books.ts';
import { day, newWorld, operator, type World } from './world.ts';

describe('the draft of an invoice', () => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld();
    await sell(
      world,
      'basic',
      [perUnit('tokens', '0.333'), { meter: 'pages', model: 'graduated', tiers: publishedTiers }],
      { tenants: ['acme', 'globex'] },
    );
  });
  afterEach(() => world.dispose());

  it('says what the close will bill, and keeps nothing', async () => {
    await report(
      world,
      { id: 'a', quantities: { tokens: '5', pages: '6' } },
      { id: 'b', tenant: 'globex', quantities: { tokens: '100' } },
    );
    const readOnly = world.reopen({
      ...world.store,
      commit: () => Promise.reject(new Error('a draft wrote something')),
    });
    const draft = await readOnly.draftInvoices('acme');
    expect(draft).toMatchObject({ period: '2026-01', invoices: [{ currency: 'USD', total: '4317' }] });

    await close(world, '2026-01');
    const [invoice] = (await booksOf(world, '2026-01')).invoices.filter(({ tenant }) => tenant === 'acme');
    expect(invoice).toMatchObject({ total: '4317', lines: draft.invoices[0]?.lines });
  });

  it('of a closed month is refused', async () => {
    await report(world, { id: 'a' });
    await close(world, '2026-01');
    await expect(world.billing.draftInvoices('acme', '2026-01')).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is of the month to which usage posts now, with what came after an early close', async () => {
    await report(world, { id: 'a', quantities: { pages: '5' } });
    await world.billing.closePeriod('2026-01', { early: true, by: operator });
    await report(world, { id: 'b', quantities: { pages: '1' } });
    expect(await world.billing.draftInvoices('acme')).toMatchObject({
      period: '2026-02',
      // The sixth page of January, at the price of the second tier.
      invoices: [{ total: '650', lines: [{ chargePeriod: '2026-01', quantity: '6', amount: '650' }] }],
    });
  });

  it('tells usage that no price covers', async () => {
    await report(world, { id: 'a', agent: 'cloudly/notes', quantities: { tokens: '2' } });
    expect(await world.billing.draftInvoices('acme')).toMatchObject({
      invoices: [],
      unpriced: [{ agent: 'cloudly/notes', meter: 'tokens', quantity: '2', reason: 'no_plan' }],
      unpricedCount: 1,
    });
  });

  it('of a tenant without usage is none', async () => {
    world.clock.set(world.clock.now() + 40 * day);
    expect(await world.billing.draftInvoices('nobody')).toEqual({
      period: '2026-02',
      invoices: [],
      unpriced: [],
      unpricedCount: 0,
    });
  });
});
