import { createHash } from 'node:crypto';
import type { Market, MarketTenant } from '../support/market.ts';

export type UsageEventOf = (id: string, change?: object) => Record<string, unknown>;

/** Makes usage events of the market's provider for a call that this tenant has made just now. */
export async function usageOf(market: Market, tenant: MarketTenant): Promise<UsageEventOf> {
  const [, claims = ''] = (await market.callToken(tenant)).split('.');
  const { jti } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly jti: string };
  return (id, change = {}) => ({
    specversion: '1.0',
    id,
    source: `urn:${new URL(market.url).host}:provider:${market.provider}`,
    type: 'a2a.broker.usage.reported.v1',
    time: new Date().toISOString(),
    tenantid: tenant.id,
    providerid: market.provider,
    agentid: market.agent,
    delegationid: createHash('sha256').update(jti).digest('base64url'),
    data: { quantities: { tokens: '3' } },
    ...change,
  });
}
