import { createHash, randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { EventResult } from '../../src/billing/z-usage-event.ts';
import type { Market } from './market.ts';

/** The name under which a provider reports what a token caused: SHA-256 of its `jti`. */
export function delegationOf(token: string): string {
  return createHash('sha256')
    .update(String(decodeJwt(token).jti))
    .digest('base64url');
}

/** One event of the market's provider, bound to a delegation; a new one each time unless it is given an id. */
export function usageEvent(
  market: Market,
  what: {
    readonly tenant: string;
    readonly delegation: string;
    readonly meter: string;
    readonly quantity?: string;
    readonly id?: string;
    readonly time?: string;
  },
): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: what.id ?? randomUUID(),
    source: `urn:${new URL(market.issuer).host}:provider:${market.provider}`,
    type: 'a2a.broker.usage.reported.v1',
    time: what.time ?? new Date().toISOString(),
    tenantid: what.tenant,
    providerid: market.provider,
    agentid: market.agent,
    delegationid: what.delegation,
    data: { quantities: { [what.meter]: what.quantity ?? '1' } },
  };
}

export function postUsage(market: Market, token: string, events: readonly unknown[]): Promise<Response> {
  return fetch(`${market.url}/v1/usage/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify(events),
  });
}

/** What became of each event, in order. Throws unless the batch was taken. */
export async function reportUsage(
  market: Market,
  token: string,
  events: readonly unknown[],
): Promise<readonly EventResult[]> {
  const response = await postUsage(market, token, events);
  const text = await response.text();
  if (!response.ok) throw new Error(`usage was refused: ${response.status} ${text}`);
  return (JSON.parse(text) as { results: EventResult[] }).results;
}
