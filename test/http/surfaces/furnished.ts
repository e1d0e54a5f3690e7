import { decodeJwt } from 'jose';
import { type Clock, systemClock } from '../../../src/kernel/clock.ts';
import { sha256 } from '../../../src/kernel/digest.ts';
import { openMemoryStore } from '../../../src/storage/memory/index.ts';
import type { Store } from '../../../src/storage/port.ts';
import { openLine, say } from '../../support/a2a.ts';
import { scriptedAgent, type ScriptedAgent } from '../../support/agent.ts';
import { runBroker, type RunningBroker } from '../../support/broker-in-process.ts';
import { call, type Market, type MarketTenant, openMarket } from '../../support/market.ts';
import type { Operation } from '../../support/openapi.ts';
import { clientAssertion, newParty, type Party } from '../../support/party.ts';
import { type WatchedStore, watchStore } from '../../tenancy/watched-store.ts';

/** A broker in which there is one of everything. */
export interface Furnished {
  readonly broker: RunningBroker;
  readonly agent: ScriptedAgent;
  readonly market: Market;
  readonly tenant: MarketTenant;
  readonly store: WatchedStore;
  /** A management token with which the provider reports usage. */
  readonly reporter: string;
  /** A management token of a provider's client that may do next to nothing. */
  readonly powerless: string;
  /** From now on every use of the store fails like this; `undefined` mends it. */
  fail(error: Error | undefined): void;
  /** The operation's path, with ids that exist. */
  pathOf(operation: Operation, other?: Readonly<Record<string, string>>): string;
  close(): Promise<void>;
}

export async function furnish(clock: Clock = systemClock): Promise<Furnished> {
  const agent = await scriptedAgent();
  const store = watchStore(openMemoryStore({ clock }));
  let failure: Error | undefined;
  const orFail = <T>(use: () => Promise<T>) => (failure === undefined ? use() : Promise.reject(failure));
  const failing: Store = {
    capabilities: store.capabilities,
    get: (key, options) => orFail(() => store.get(key, options)),
    getMany: (keys, options) => orFail(() => store.getMany(keys, options)),
    list: (partition, options) => orFail(() => store.list(partition, options)),
    scan: (options) => orFail(() => store.scan(options)),
    commit: (writes) => orFail(() => store.commit(writes)),
    close: () => store.close(),
  };
  const broker = await runBroker({ clock, store: failing, upstreamTimes: { whole: 300 } });
  const market = await openMarket(broker, agent.url);
  await call(market, 'POST', '/v1/providers', { id: 'cloudly', name: 'Cloudly' });
  const agreement = await call(market, 'POST', '/v1/agreements', {
    from: 'provider:skyways',
    to: 'provider:cloudly',
  });
  await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
  await call(market, 'POST', '/v1/plans', {
    key: 'basic',
    currency: 'EUR',
    prices: [{ meter: 'calls', model: 'per_unit', unitAmount: '0.01' }],
  });
  const month = new Date().toISOString().slice(0, 7);
  await call(market, 'POST', '/v1/providers/skyways/contracts', {
    commissionBps: 1000,
    currency: 'EUR',
    from: month,
  });
  const tenant = await market.addTenant('acme', { plan: 'basic' });
  const line = await openLine(market, tenant);
  await line.call('SendMessage', say('hi'));
  for (const { period } of await itemsOf(market, '/v1/billing/periods'))
    await call(market, 'POST', `/v1/billing/periods/${period}/close`, { early: true });
  const providerIssuer = await call(market, 'POST', '/v1/providers/skyways/issuers', {
    issuer: 'https://login.skyways.example',
    jwks: market.providerClient.jwks,
  });
  const powerless = await newParty();
  await call(market, 'POST', '/v1/clients', {
    id: 'powerless',
    name: 'Powerless',
    owner: 'provider:cloudly',
    jwks: powerless.jwks,
    grantTypes: ['client_credentials'],
    scopes: ['usage:write'],
  });
  await call(market, 'POST', '/v1/policies', {
    id: 'one-hop',
    text: 'forbid(principal, action, resource) when { context.depth > 4 };',
  });
  await call(market, 'PUT', '/v1/providers/skyways/tenant-links/acme', { audTenant: 'acme-at-skyways' });
  const sub = String(decodeJwt(line.token).sub);
  await call(market, 'PUT', `/v1/providers/skyways/user-links/${sub}`, { audSub: 'user-at-skyways' });
  const first = async (path: string) => (await itemsOf(market, path))[0]?.['id'] ?? '';
  const ids: Readonly<Record<string, string>> = {
    provider: 'skyways',
    agent: 'flights',
    tenant: 'acme',
    client: tenant.clientId,
    agreement: String(agreement['id']),
    delegation: sha256(String(decodeJwt(line.token).jti)),
    deployment: await first('/v1/agents/skyways/flights/deployments'),
    subscription: await first('/v1/tenants/acme/subscriptions'),
    plan: 'basic',
    policy: 'one-hop',
    period: month,
    step: 'enable',
    event: 'evt_unknown',
    link: 'unknown',
    sub,
    '/v1/invoices/{id}': await first('/v1/invoices'),
    '/v1/settlements/{id}': await first('/v1/settlements'),
  };
  const issuers: Readonly<Record<string, string>> = {
    tenants: await first('/v1/tenants/acme/issuers'),
    providers: String(providerIssuer['id']),
  };
  return {
    broker,
    agent,
    market,
    tenant,
    store,
    reporter: await market.providerToken(),
    powerless: await managementToken(market, powerless, 'powerless'),
    fail: (error) => void (failure = error),
    pathOf: ({ path }, other = {}) =>
      path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const issuer = name === 'issuer' ? issuers[path.split('/')[2] ?? ''] : undefined;
        const id = other[name] ?? ids[name] ?? ids[path] ?? issuer;
        if (id === undefined) throw new Error(`nothing is known for {${name}} in ${path}`);
        return encodeURIComponent(id);
      }),
    close: async () => {
      await broker.close();
      await agent.close();
    },
  };
}

async function managementToken(market: Market, party: Party, clientId: string): Promise<string> {
  const response = await fetch(`${market.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(party, clientId, market.url),
    }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function itemsOf(market: Market, path: string): Promise<readonly Record<string, string>[]> {
  return (await call<{ items: Record<string, string>[] }>(market, 'GET', path)).items;
}
