import { call, type Market, type MarketTenant } from '../support/market.ts';

/** Of one unit, in the plan below. */
export const cents = { calls: 1n, searches: 25n };

/** Prices, a contract, and three tenants with a subscription. */
export async function openShop(market: Market): Promise<readonly MarketTenant[]> {
  await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  await call(market, 'POST', '/v1/plans', {
    key: 'basic',
    currency: 'EUR',
    prices: [
      { meter: 'calls', model: 'per_unit', unitAmount: '0.01' },
      { meter: 'searches', model: 'per_unit', unitAmount: '0.25' },
    ],
  });
  await call(market, 'POST', '/v1/providers/skyways/contracts', {
    commissionBps: 1500,
    currency: 'EUR',
    from: '2026-01',
  });
  return Promise.all(['acme', 'globex', 'initech'].map((id) => market.addTenant(id, { plan: 'basic' })));
}
