import { expect } from 'vitest';
import { call, type Market } from '../support/market.ts';
import { delegationOf, reportUsage, usageEvent } from '../support/usage.ts';
import { everyItem } from './verify-load.ts';

const meters = Array.from({ length: 10 }, (_, n) => `meter-${n}`);

/** A month with something to add up: ten meters, a hundred events for each tenant. Answers the month. */
export async function useForAMonth(market: Market, tenants = 10): Promise<string> {
  for (const key of meters)
    await call(market, 'POST', '/v1/meters', { key, aggregation: 'sum', unit: 'units' });
  const prices = meters.map((meter, n) => ({ meter, model: 'per_unit', unitAmount: `0.0${n + 1}` }));
  await call(market, 'POST', '/v1/plans', { key: 'basic', currency: 'EUR', prices });
  await call(market, 'POST', '/v1/providers/skyways/contracts', {
    commissionBps: 1234,
    currency: 'EUR',
    from: '2026-01',
  });
  const provider = await market.providerToken();
  const time = new Date().toISOString();
  for (let n = 0; n < tenants; n++) {
    const tenant = await market.addTenant(`tenant-${n}`, { plan: 'basic' });
    const delegation = delegationOf(await market.callToken(tenant));
    const events = Array.from({ length: 100 }, (_, index) =>
      usageEvent(market, {
        tenant: tenant.id,
        delegation,
        meter: meters[index % meters.length] ?? '',
        quantity: `${n + 1}.${index}`,
        time,
      }),
    );
    const results = await reportUsage(market, provider, events);
    expect(results.filter(({ status }) => status !== 'accepted')).toEqual([]);
  }
  return time.slice(0, 7);
}

interface Document {
  readonly id: string;
}

/** Every final document, by id, as it is served. */
export async function documents(market: Market, period: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const kind of ['invoices', 'settlements'])
    for (const { id } of await everyItem<Document>(market, `/v1/${kind}?period=${period}`))
      found.set(id, JSON.stringify(await call(market, 'GET', `/v1/${kind}/${id}`)));
  return found;
}
