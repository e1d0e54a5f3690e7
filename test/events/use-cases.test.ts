import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeJwt } from 'jose';
import { createInProcessBus } from '../../src/events/in-process/index.ts';
import { eventTypes } from '../../src/events/json-schema.ts';
import { type EventEnvelope, typeOf } from '../../src/events/port.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, cardFor, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { openIssuerSite, signProof } from '../trust/issuer-site.ts';
import { silent } from './outbox-world.ts';
import { usageOf } from './usage-event.ts';

/** A broker's whole life over HTTP, and what it tells about it; in order, because the last test looks back on all of it. */
describe('what the use cases report', { shuffle: false }, () => {
  const heard: EventEnvelope[] = [];
  let broker: RunningBroker;
  let market: Market;
  let closeCard: () => void;
  let cardUrl: string;
  let card: Record<string, unknown>;

  let store: Store;
  beforeAll(async () => {
    const bus = createInProcessBus({ log: silent });
    bus.subscribe('test', eventTypes, (event) => void heard.push(event));
    store = openMemoryStore({ clock: systemClock });
    broker = await runBroker({ bus, store });
    card = cardFor('http://127.0.0.1:9/rpc');
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(card));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cardUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/card.json`;
    closeCard = () => void server.close();
    market = await openMarket(broker, 'http://127.0.0.1:9/jsonrpc');
  });
  afterAll(async () => {
    closeCard();
    await broker.close();
  });

  const operator = <T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> =>
    call<T>(broker, method, path, body);

  /** The events of one subject, once there are this many: `number type`, and their data. */
  async function story(subject: string, count: number) {
    const own = await vi.waitFor(
      () => {
        const found = heard.filter((event) => event.subject === subject);
        expect(found.map(({ type }) => type)).toHaveLength(count);
        return found;
      },
      { timeout: 5000, interval: 5 },
    );
    return own.map((event) => [`${Number(event.sequence)} ${typeOf(event)}`, event.data]);
  }

  it('providers', async () => {
    await operator('POST', '/v1/providers', {
      id: 'northpay',
      name: 'North Pay',
      contact: 'jane@example.com',
    });
    await operator('POST', '/v1/providers/northpay/suspend', { reason: 'late' });
    await operator('POST', '/v1/providers/northpay/suspend', { reason: 'very late' });
    await operator('POST', '/v1/providers/northpay/reinstate', { reason: 'paid' });
    const data = { provider: 'northpay' };
    expect(await story('provider:northpay', 3)).toEqual([
      ['1 provider.admitted.v1', data],
      ['2 provider.suspended.v1', data],
      ['3 provider.reinstated.v1', data],
    ]);
  });

  it('agents and deployments', async () => {
    const agent = 'skyways/hotels';
    const first = await operator('POST', '/v1/providers/skyways/agents', { id: 'hotels', cardUrl });
    await operator('POST', `/v1/agents/${agent}/refresh`);
    card = { ...card, version: '1.1.0' };
    const second = await operator('POST', `/v1/agents/${agent}/refresh`);
    await operator('POST', `/v1/agents/${agent}/deployments`, {
      id: 'silo',
      model: 'siloed',
      tenant: 'acme',
      url: 'http://127.0.0.1:9/silo',
      region: 'eu-central-1',
    });
    await operator('PATCH', `/v1/agents/${agent}/deployments/silo`, { state: 'draining' });
    await operator('PATCH', `/v1/agents/${agent}/deployments/silo`, { state: 'draining' });
    await operator('POST', `/v1/agents/${agent}/publish`, { reason: 'ready' });
    await operator('POST', `/v1/agents/${agent}/publish`, { reason: 'ready' });
    await operator('POST', `/v1/agents/${agent}/suspend`, { reason: 'broken' });
    await operator('POST', `/v1/agents/${agent}/retire`, { reason: 'no longer' });
    const data = { agent, provider: 'skyways' };
    const silo = {
      ...data,
      deployment: 'silo',
      model: 'siloed',
      tenant: 'acme',
      region: 'eu-central-1',
      weight: 100,
    };
    expect(first['cardDigest']).not.toBe(second['cardDigest']);
    expect(await story(`agent:${agent}`, 7)).toEqual([
      ['1 agent.registered.v1', { ...data, card: first['cardDigest'] }],
      ['2 agent.version-adopted.v1', { ...data, card: second['cardDigest'] }],
      ['3 deployment.added.v1', { ...silo, state: 'active' }],
      ['4 deployment.changed.v1', { ...silo, state: 'draining' }],
      ['5 agent.published.v1', data],
      ['6 agent.suspended.v1', data],
      ['7 agent.retired.v1', data],
    ]);
  });

  it('tenants and subscriptions', async () => {
    await operator('POST', '/v1/tenants', { id: 'umbrella', name: 'Umbrella', tier: 'standard' });
    await operator('PATCH', '/v1/tenants/umbrella', { tier: 'gold', name: 'Umbrella' });
    await operator('PATCH', '/v1/tenants/umbrella', { tier: 'gold' });
    await operator('PATCH', '/v1/tenants/umbrella', { residency: ['eu'], region: 'eu' });
    await operator('POST', '/v1/tenants/umbrella/suspend', { reason: 'unpaid' });
    await operator('POST', '/v1/tenants/umbrella/reinstate', { reason: 'paid' });
    expect(await story('tenant:umbrella', 5)).toEqual([
      ['1 tenant.created.v1', { tenant: 'umbrella', tier: 'standard' }],
      ['2 tenant.changed.v1', { tenant: 'umbrella', tier: 'gold', changed: ['tier'] }],
      ['3 tenant.changed.v1', { tenant: 'umbrella', tier: 'gold', changed: ['region', 'residency'] }],
      ['4 tenant.suspended.v1', { tenant: 'umbrella' }],
      ['5 tenant.reinstated.v1', { tenant: 'umbrella' }],
    ]);

    const path = '/v1/tenants/umbrella/subscriptions';
    const agent = market.agent;
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const first = await operator('POST', path, { agent, expiresAt, approver: 'Jane' });
    await operator('DELETE', `${path}/${String(first['id'])}`);
    await operator('DELETE', `${path}/${String(first['id'])}`);
    const second = await operator('POST', path, { agent });
    const data = { tenant: 'umbrella', agent, provider: 'skyways' };
    expect(await story(`subscription:umbrella/${agent}`, 3)).toEqual([
      ['1 subscription.created.v1', { ...data, subscription: first['id'], expiresAt }],
      ['2 subscription.cancelled.v1', { ...data, subscription: first['id'] }],
      ['3 subscription.created.v1', { ...data, subscription: second['id'] }],
    ]);
  });

  it('issuers, clients and agreements', async () => {
    await operator('POST', '/v1/providers', { id: 'railways', name: 'Railways' });
    const { jwks } = await newParty();
    const owner = 'provider:railways';
    const { id: issuer } = await operator<{ id: string }>('POST', '/v1/providers/railways/issuers', {
      issuer: 'https://login.railways.example',
      jwks,
    });
    await operator('POST', `/v1/providers/railways/issuers/${issuer}/disable`);
    await operator('POST', `/v1/providers/railways/issuers/${issuer}/disable`);
    await operator('POST', `/v1/providers/railways/issuers/${issuer}/enable`);
    expect(await story(`issuer:${issuer}`, 3)).toEqual([
      ['1 issuer.registered.v1', { issuer, owner }],
      ['2 issuer.disabled.v1', { issuer, owner }],
      ['3 issuer.enabled.v1', { issuer, owner }],
    ]);

    await operator('POST', '/v1/clients', {
      id: 'rail-app',
      name: 'Rail',
      owner,
      jwks,
      grantTypes: ['client_credentials'],
    });
    for (const change of [
      { name: 'Rail 2' },
      { name: 'Rail 2' },
      { status: 'disabled' },
      { status: 'active' },
    ])
      await operator('PATCH', '/v1/clients/rail-app', change);
    const client = { client: 'rail-app', owner };
    expect(await story('client:rail-app', 4)).toEqual([
      ['1 client.registered.v1', client],
      ['2 client.changed.v1', client],
      ['3 client.disabled.v1', client],
      ['4 client.enabled.v1', client],
    ]);

    const sides = { from: owner, to: 'provider:skyways' };
    const { id } = await operator<{ id: string }>('POST', '/v1/agreements', sides);
    await operator('POST', `/v1/agreements/${id}/revoke`, { reason: 'over' });
    await operator('POST', `/v1/agreements/${id}/revoke`, { reason: 'over' });
    const text = 'forbid(principal, action, resource) when { context.depth > 3 };';
    await operator('POST', '/v1/policies', { id: 'p', owner, text });
    const policy = '/v1/policies/p?owner=provider:railways';
    await operator('PUT', policy, { text, description: 'Only said in other words' });
    await operator('PUT', policy, { text, enabled: false });
    await operator('DELETE', policy);
    const told = { policy: 'p', owner, effect: 'forbid' };
    expect(await story('policy:provider:railways/p', 3)).toEqual([
      ['1 policy.created.v1', { ...told, enabled: true }],
      ['2 policy.changed.v1', { ...told, enabled: false }],
      ['3 policy.deleted.v1', { ...told, enabled: false }],
    ]);
    expect(await story(`agreement:${id}`, 2)).toEqual([
      ['1 agreement.made.v1', { agreement: id, ...sides }],
      ['2 agreement.revoked.v1', { agreement: id, ...sides }],
    ]);
  });

  it('issuers that their owners prove, and that lose their keys', async () => {
    const owner = 'provider:railways';
    const [site, admin, thief] = await Promise.all([openIssuerSite(), newParty(), newParty()]);
    await operator('POST', '/v1/clients', {
      id: 'rail-admin',
      name: 'Rail',
      owner,
      jwks: admin.jwks,
      grantTypes: ['client_credentials'],
      scopes: ['trust:write'],
    });
    const answer = await fetch(`${broker.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await clientAssertion(admin, 'rail-admin', broker.url),
      }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const path = '/v1/providers/railways/issuers';
    const own = { url: broker.url, token };
    const claim = await call<{ id: string; challenge: { value: string } }>(own, 'POST', path, {
      issuer: site.issuer,
      jwksUri: site.jwksUri,
    });
    const parts = { issuer: site.issuer, challenge: claim.challenge.value };
    site.publish(await signProof(site.key, { ...parts, broker: broker.url, now: Date.now() }));
    await call(own, 'POST', `${path}/${claim.id}/verify`, {});
    await operator('POST', `${path}/${claim.id}/approve`);
    await call(own, 'PATCH', `${path}/${claim.id}`, { audience: 'urn:broker' });
    site.documents.set('/jwks', JSON.stringify(thief.jwks));
    const iat = Math.floor(Date.now() / 1000);
    const stolen = { iss: site.issuer, sub: 'u', aud: 'app', iat, exp: iat + 60 };
    expect(
      (await market.exchange(await market.addTenant('passenger'), await thief.sign(stolen))).status,
    ).toBe(400);
    const data = { issuer: claim.id, owner };
    expect(await story(`issuer:${claim.id}`, 5)).toEqual([
      ['1 issuer.claimed.v1', data],
      ['2 issuer.verified.v1', data],
      ['3 issuer.registered.v1', data],
      ['4 issuer.changed.v1', data],
      ['5 issuer.keys-replaced.v1', data],
    ]);
    await operator('PUT', '/v1/providers/skyways/tenant-links/passenger', { audTenant: 'P-1' });
    await operator('DELETE', '/v1/providers/skyways/tenant-links/passenger');
    const known = { provider: 'skyways', tenant: 'passenger' };
    expect(await story('account:skyways/passenger', 2)).toEqual([
      ['1 account.linked.v1', known],
      ['2 account.unlinked.v1', known],
    ]);
    const rider = await market.addTenant('rider');
    const sub = decodeJwt(await market.callToken(rider)).sub ?? '';
    await operator('PUT', `/v1/providers/skyways/user-links/${sub}`, { audSub: 'jane@example.com' });
    await operator('DELETE', `/v1/providers/skyways/user-links/${sub}`);
    const seen = { provider: 'skyways', sub };
    expect(await story(`user:skyways/${sub}`, 2)).toEqual([
      ['1 user.linked.v1', seen],
      ['2 user.unlinked.v1', seen],
    ]);
    await operator('POST', '/v1/keys/pairwise/rotate', { reason: 'Jane says so' });
    expect(await story('pairwise:broker', 1)).toEqual([
      ['1 pairwise.rotated.v1', { version: 2, activeFrom: expect.stringMatching(/^\d{4}-.*Z$/) as string }],
    ]);
    const platform = 'https://login.platform.example';
    const { jwks } = await newParty();
    await operator('POST', path, { issuer: platform, jwks, tenantMapping: { kind: 'claim', claim: 'org' } });
    const { id: link } = await operator<{ id: string }>('POST', '/v1/tenants/passenger/links', {
      issuer: platform,
      externalId: 'o-1',
    });
    await operator('DELETE', `/v1/tenants/passenger/links/${link}`);
    const linked = { link, tenant: 'passenger' };
    expect(await story(`link:${link}`, 2)).toEqual([
      ['1 link.made.v1', { ...linked, state: 'active' }],
      ['2 link.removed.v1', linked],
    ]);
    await site.close();
  });

  it('proposals between two providers', async () => {
    const { providerClientId: id, providerClient } = market;
    await operator('POST', '/v1/clients', {
      id: `${id}-trust`,
      name: 'Trust',
      owner: 'provider:skyways',
      jwks: providerClient.jwks,
      grantTypes: ['client_credentials'],
      scopes: ['trust:write'],
    });
    const token = await market.managementToken(`${id}-trust`);
    const sides = { from: 'provider:skyways', to: 'provider:railways' };
    const propose = async () => {
      const made = await call<{ id: string }>({ url: broker.url, token }, 'POST', '/v1/agreements', sides);
      return made.id;
    };
    const [accepted, declined] = [await propose(), await propose()];
    await operator('POST', `/v1/agreements/${accepted}/accept`);
    await operator('POST', `/v1/agreements/${accepted}/accept`);
    await operator('POST', `/v1/agreements/${declined}/revoke`, { reason: 'unpaid' });
    expect(await story(`agreement:${accepted}`, 2)).toEqual([
      ['1 agreement.proposed.v1', { agreement: accepted, ...sides }],
      ['2 agreement.made.v1', { agreement: accepted, ...sides }],
    ]);
    expect(await story(`agreement:${declined}`, 2)).toEqual([
      ['1 agreement.proposed.v1', { agreement: declined, ...sides }],
      ['2 agreement.declined.v1', { agreement: declined, ...sides }],
    ]);
  });

  it('signing keys', async () => {
    await operator('POST', '/v1/keys/rotate', { reason: 'yearly', purposes: ['agent-card'] });
    await operator('POST', '/v1/keys/rotate', {
      reason: 'leaked by Jane',
      purposes: ['agent-card'],
      compromised: true,
    });
    const { items } = await operator<{ items: readonly Record<string, unknown>[] }>('GET', '/v1/keys');
    const [second, third] = items.filter(({ purpose }) => purpose === 'agent-card').slice(-2);
    const told = (key: Record<string, unknown> | undefined, compromised: boolean) => ({
      kid: key?.['keyId'],
      purpose: 'agent-card',
      activeFrom: key?.['activeFrom'],
      compromised,
    });
    expect(await story('key:agent-card', 2)).toEqual([
      ['1 key.rotated.v1', told(second, false)],
      ['2 key.rotated.v1', told(third, true)],
    ]);
  });

  it('a new master key', async () => {
    // As an earlier version wrote it: encrypted by nobody knows which key.
    const place = { partition: 'signing-keys', sort: 'pairwise-v1' };
    const { key: _, ...unnamed } = (await store.get<{ readonly key: string }>(place))?.value ?? { key: '' };
    await store.commit([{ op: 'put', ...place, value: unnamed }]);
    for (let again = 0; again < 2; again++)
      await operator('POST', '/v1/keys/reencrypt', { reason: 'Jane has left' });
    expect(await story('key:encryption', 1)).toEqual([['1 key.reencrypted.v1', { records: 1 }]]);
  });

  async function revokedDelegation(tenant: MarketTenant): Promise<{ id: string; txn: string }> {
    const { jti, txn } = decodeJwt(await market.callToken(tenant));
    const id = sha256(String(jti));
    for (const reason of ['unpaid', 'again'])
      await operator('POST', `/v1/delegations/${id}/revoke`, { reason });
    return { id, txn: String(txn) };
  }

  it('prices, usage and books', async () => {
    const period = new Date().toISOString().slice(0, 7);
    const meter = { key: 'tokens', aggregation: 'sum', unit: 'tokens' };
    const plan = {
      key: 'metered',
      currency: 'EUR',
      prices: [{ meter: 'tokens', model: 'per_unit', unitAmount: '0.5' }],
    };
    const contract = { commissionBps: 1500, currency: 'EUR', from: period };
    for (let again = 0; again < 2; again++) {
      await operator('POST', '/v1/meters', meter);
      await operator('POST', '/v1/plans', plan);
    }
    const agreed = await operator('POST', '/v1/providers/skyways/contracts', contract);
    expect(await story('meter:tokens', 1)).toEqual([
      ['1 meter.defined.v1', { meter: 'tokens', aggregation: 'sum', authority: 'provider' }],
    ]);
    expect(await story('plan:metered', 1)).toEqual([
      ['1 plan.defined.v1', { plan: 'metered', currency: 'EUR' }],
    ]);
    expect(await story(`contract:${String(agreed['id'])}`, 1)).toEqual([
      ['1 contract.set.v1', { ...contract, contract: agreed['id'], provider: 'skyways' }],
    ]);

    const tenant = await market.addTenant('acme', { plan: 'metered' });
    const jane = { issuer: tenant.issuer, subject: 'jane', reason: 'left' };
    const blocked = await operator('POST', '/v1/tenants/acme/users/block', jane);
    await operator('POST', '/v1/tenants/acme/users/block', jane);
    await operator('POST', '/v1/tenants/acme/users/unblock', jane);
    const told = { tenant: 'acme', blocked: blocked['id'] };
    expect(await story(`blocked-user:${String(blocked['id'])}`, 2)).toEqual([
      ['1 user.blocked.v1', told],
      ['2 user.unblocked.v1', told],
    ]);

    const delegation = await revokedDelegation(tenant);
    expect(await story(`delegation:${delegation.id}`, 1)).toEqual([
      [
        '1 delegation.revoked.v1',
        {
          delegation: delegation.id,
          txn: delegation.txn,
          tenant: 'acme',
          provider: 'skyways',
          agent: 'skyways/flights',
        },
      ],
    ]);
    const usage = await usageOf(market, tenant);
    const token = await market.providerToken();
    const report = async (...events: readonly object[]) => {
      const response = await fetch(`${broker.url}/v1/usage/events`, {
        method: 'POST',
        headers: {
          'content-type': 'application/cloudevents-batch+json',
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify(events),
      });
      const { results } = (await response.json()) as { results: readonly { status: string }[] };
      return results.map(({ status }) => status);
    };
    const strangers = Array.from({ length: 100 }, (_, index) => usage(`s-${index}`, { tenantid: 'globex' }));
    const unmeasured = usage('u', { data: { quantities: { dreams: '1' } } });
    expect(await report(usage('a'), unmeasured, ...strangers)).toEqual([
      'accepted',
      ...Array.from({ length: 101 }, () => 'rejected'),
    ]);
    await report(unmeasured, strangers[0] ?? {});
    const quarantined = await vi.waitFor(() => {
      const found = heard.filter((event) => typeOf(event) === 'usage.quarantined.v1');
      expect(found).toHaveLength(2);
      return found.map(({ data }) => data as { events: number; reasons: Record<string, number> });
    });
    expect(quarantined.map(({ events }) => events).toSorted((a, b) => a - b)).toEqual([11, 90]);
    const of = (reason: string) => quarantined.reduce((sum, { reasons }) => sum + (reasons[reason] ?? 0), 0);
    expect([of('delegation_mismatch'), of('unknown_meter')]).toEqual([100, 1]);

    for (let again = 0; again < 2; again++)
      await operator('POST', `/v1/billing/periods/${period}/close`, { early: true });
    expect(await story(`period:${period}`, 2)).toEqual([
      ['1 period.closing.v1', { period }],
      ['2 period.closed.v1', { period, invoices: 1, settlements: 1 }],
    ]);
    const [invoice] = (await operator<{ items: { id: string; number: string }[] }>('GET', '/v1/invoices'))
      .items;
    expect(await story(`invoice:${invoice?.id ?? ''}`, 1)).toEqual([
      [
        '1 invoice.finalised.v1',
        {
          invoice: invoice?.id,
          number: invoice?.number,
          tenant: 'acme',
          period,
          currency: 'EUR',
          total: '1.50',
        },
      ],
    ]);
    const [settlement] = (await operator<{ items: { id: string }[] }>('GET', '/v1/settlements')).items;
    expect(await story(`settlement:${settlement?.id ?? ''}`, 1)).toEqual([
      [
        '1 settlement.made.v1',
        {
          settlement: settlement?.id,
          provider: 'skyways',
          period,
          currency: 'EUR',
          gross: '1.50',
          commission: '0.23',
          net: '1.27',
        },
      ],
    ]);
  });

  it('is everything that the catalogue lists, and never a word that people wrote', () => {
    expect([...new Set(heard.map((event) => typeOf(event)))].toSorted()).toEqual([...eventTypes].toSorted());
    expect(JSON.stringify(heard)).not.toMatch(
      /jane|unpaid|umbrella inc|North Pay|login\.railways|127\.0\.0\.1:9/i,
    );
  });
});
