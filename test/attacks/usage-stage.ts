import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Overrides } from '../../src/main.ts';
import { openLine, say } from '../support/a2a.ts';
import { call, type MarketTenant } from '../support/market.ts';
import { addCompany, addProgram, type Company, openStage, type Stage } from './stage.ts';
import { claimsOf, exchange, managementToken, tokenOf } from './token-endpoint.ts';

type Attributes = Readonly<Record<string, unknown>>;

export interface Reported {
  readonly status: number;
  readonly results: readonly { readonly status: string; readonly reason?: string }[];
}

/** Two providers that were called for two tenants, and may report what that used. */
export interface UsageStage extends Stage {
  readonly lodging: Company;
  /** Tokens with which the providers report. */
  readonly reporters: { readonly skyways: string; readonly lodging: string };
  /** Delegations of calls that were received: by skyways' agent for acme and globex, by lodging's for acme. */
  readonly delegations: { readonly acme: string; readonly globex: string; readonly hotels: string };
  /** One more call for the tenant; answers its delegation. */
  callFor(tenant: MarketTenant, company?: Company): Promise<string>;
  /** What skyways may honestly report of its call for acme, but for `change`. */
  event(change?: Attributes): Attributes;
  /** As skyways, unless `token` is another's. A list is a batch, a text is sent as it is. */
  report(events: unknown, token?: string): Promise<Reported>;
  /** The sum of a meter over everything that is in the ledger. */
  sumOf(meter: string): Promise<string>;
  /** Status and reason with which one event is rejected, which has to leave no trace in the ledger. */
  rejection(change: Attributes, token?: string): Promise<string>;
}

/** The provider knows its calls by the token that it was called with. */
export function delegationOf(token: string): string {
  return createHash('sha256')
    .update(String(claimsOf(token)['jti']))
    .digest('base64url');
}

export async function openUsageStage(overrides: Overrides = {}): Promise<UsageStage> {
  const stage = await openStage(overrides);
  const now = () => overrides.clock?.now() ?? Date.now();
  const lodging = await addCompany(stage, 'lodging/hotels', [stage.acme]);
  for (const key of ['tokens', 'pages'])
    await call(stage, 'POST', '/v1/meters', { key, unit: key, aggregation: 'sum' });
  const scopes = ['usage:write', 'usage:read'];
  const hotelsReporter = await addProgram(stage, { id: 'hotels-usage', owner: 'provider:lodging', scopes });
  const reporters = {
    skyways: await stage.market.providerToken(),
    lodging: await managementToken(stage, hotelsReporter),
  };

  async function callFor(tenant: MarketTenant, company?: Company): Promise<string> {
    const agent = company?.agent ?? stage.market.agent;
    const upstream = company?.upstream ?? stage.agent;
    const token = tokenOf(await exchange(stage, tenant, { audience: agent }));
    const line = await openLine({ ...stage.market, agent }, tenant, token);
    await line.call('SendMessage', say('hi'));
    return delegationOf(upstream.calls.at(-1)?.headers.authorization?.slice(7) ?? expect.fail());
  }
  const delegations = {
    acme: await callFor(stage.acme),
    globex: await callFor(stage.globex),
    hotels: await callFor(stage.acme, lodging),
  };

  let ids = 0;
  const event = (change: Attributes = {}): Attributes => ({
    specversion: '1.0',
    id: `e-${++ids}`,
    source: `urn:${new URL(stage.url).host}:provider:skyways`,
    type: 'a2a.broker.usage.reported.v1',
    time: new Date(now()).toISOString(),
    tenantid: 'acme',
    providerid: 'skyways',
    agentid: 'skyways/flights',
    delegationid: delegations.acme,
    data: { quantities: { tokens: '10' } },
    ...change,
  });

  async function report(events: unknown, token = reporters.skyways): Promise<Reported> {
    const response = await fetch(`${stage.url}/v1/usage/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': `application/cloudevents${Array.isArray(events) ? '-batch' : ''}+json`,
      },
      body: typeof events === 'string' ? events : JSON.stringify(events),
    });
    const { results = [] } = (await response.json()) as Partial<Reported>;
    return { status: response.status, results };
  }

  async function sumOf(meter: string): Promise<string> {
    const { items } = await call<{ items: { quantity: string }[] }>(
      stage,
      'GET',
      `/v1/usage?meter=${meter}&groupBy=meter`,
    );
    return items[0]?.quantity ?? '0';
  }

  const sums = () => Promise.all(['tokens', 'pages', 'calls', 'bytes_in'].map((meter) => sumOf(meter)));
  return {
    ...stage,
    lodging,
    reporters,
    delegations,
    callFor,
    event,
    report,
    sumOf,
    async rejection(change, token) {
      const before = await sums();
      const { status, results } = await report(event(change), token);
      expect(await sums()).toEqual(before);
      return `${status} ${results[0]?.reason ?? results[0]?.status}`;
    },
  };
}
