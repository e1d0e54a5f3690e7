import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/kernel/json.ts';
import { registryRoutes } from '../../src/registry/routes.ts';
import { engines } from '../support/stores.ts';
import { type Answer, type Call, client, outcome, surface, wrongFields } from '../tenancy/surface.ts';
import { cardAt, endpoint, flightsCard } from './cards.ts';
import { brokerUrl, by, openRegistry, operator, type RegistryWorld } from './setup.ts';

const clients = {
  skyways: client('provider:skyways', 'registry:read', 'registry:write'),
  'skyways-reader': client('provider:skyways', 'registry:read'),
  'skyways-other': client('provider:skyways', 'tenancy:write'),
  globex: client('provider:globex', 'registry:read', 'registry:write'),
  tenant: client('tenant:skyways', 'registry:read', 'registry:write'),
};
const reason = { reason: 'because' };
const agentPath = '/v1/agents/skyways/flights';
const agentsPath = '/v1/providers/skyways/agents';
const hotels = { id: 'hotels', card: cardAt('https://hotels.example/rpc') };
const eu = { id: 'eu', model: 'pooled', url: 'https://eu.skyways.example/rpc' };
const long = (length: number) => 'x'.repeat(length);

describe.each(engines)('registry routes on $name', (engine) => {
  let world: RegistryWorld;
  let call: Call;
  beforeEach(async () => {
    world = await openRegistry(engine);
    call = surface(registryRoutes(world.registry, brokerUrl), clients);
    await world.flights();
  });
  afterEach(() => world.dispose());

  async function unchanged(attempt: () => Promise<Answer>): Promise<Answer> {
    const before = await world.store.snapshot();
    const answer = await attempt();
    expect(await world.store.snapshot()).toEqual(before);
    return answer;
  }

  describe('who may do what', () => {
    const operatorOnly = [
      ['POST', '/v1/providers', { id: 'new', name: 'New' }],
      ['GET', '/v1/providers', undefined],
      ['POST', '/v1/providers/skyways/suspend', reason],
      ['POST', '/v1/providers/skyways/reinstate', reason],
    ] as const;
    const reads = [
      ['GET', '/v1/providers/skyways', undefined],
      ['GET', `${agentPath}/versions`, undefined],
      ['GET', `${agentPath}/deployments`, undefined],
    ] as const;
    const writes = [
      ['POST', agentsPath, hotels],
      ['POST', `${agentPath}/publish`, reason],
      ['POST', `${agentPath}/suspend`, reason],
      ['POST', `${agentPath}/retire`, reason],
      ['POST', `${agentPath}/deployments`, eu],
      ['PATCH', `${agentPath}/deployments/default`, { weight: 1 }],
    ] as const;
    const refresh = [['POST', `${agentPath}/refresh`, undefined]] as const;
    const open = [
      ['GET', '/v1/agents', undefined],
      ['GET', agentPath, undefined],
    ] as const;

    it.each([...operatorOnly, ...reads, ...writes, ...refresh, ...open])(
      '%s %s needs a valid token',
      async (method, path, body) => {
        const answers = [
          await unchanged(() => call(method, path, { body })),
          await unchanged(() => call(method, path, { body, as: 'forged' })),
        ];
        expect(answers.map(outcome)).toEqual(['401 unauthorized', '401 unauthorized']);
      },
    );

    it.each(operatorOnly)('%s %s is the operator’s', async (method, path, body) => {
      const answer = await unchanged(() => call(method, path, { body, as: 'skyways' }));
      expect(outcome(answer)).toBe('403 forbidden');
      expect((await call(method, path, { body, as: 'operator' })).status).toBeLessThan(300);
    });

    it.each([...reads, ...writes, ...refresh])('%s %s is the provider’s own', async (method, path, body) => {
      for (const as of ['globex', 'tenant', 'skyways-other']) {
        const answer = await unchanged(() => call(method, path, { body, as }));
        expect(outcome(answer)).toBe('403 forbidden');
      }
    });

    it.each([...writes, ...refresh])('%s %s needs registry:write', async (method, path, body) => {
      const answer = await unchanged(() => call(method, path, { body, as: 'skyways-reader' }));
      expect(outcome(answer)).toBe('403 forbidden');
    });

    it.each(reads)('%s %s needs no more than registry:read', async (method, path) => {
      expect(outcome(await call(method, path, { as: 'skyways-reader' }))).toBe('200');
    });

    it.each(writes)('%s %s works for the provider itself, under its name', async (method, path, body) => {
      expect((await call(method, path, { body, as: 'skyways' })).status).toBeLessThan(300);
      const { items } = await world.audit.list({ provider: 'skyways', limit: 1 });
      expect(items[0]?.value.actor).toBe('client-of-provider-skyways');
    });

    it('shows another provider’s draft to nobody else', async () => {
      expect(outcome(await call('GET', agentPath, { as: 'globex' }))).toBe('404 not_found');
      expect((await call('GET', '/v1/agents', { as: 'globex' })).json).toEqual({ items: [] });
      expect(outcome(await call('GET', agentPath, { as: 'skyways-other' }))).toBe('200');
    });
  });

  describe('If-Match', () => {
    const updates: readonly (readonly [method: string, path: string, body: object])[] = [
      ['POST', '/v1/providers/skyways/suspend', reason],
      ['POST', '/v1/providers/skyways/reinstate', reason],
      ['POST', `${agentPath}/publish`, reason],
      ['POST', `${agentPath}/suspend`, reason],
      ['POST', `${agentPath}/retire`, reason],
      ['POST', `${agentPath}/deployments`, eu],
      ['PATCH', `${agentPath}/deployments/default`, { weight: 1 }],
    ];
    const update = ([method, path, body]: (typeof updates)[number], tag: string) =>
      call(method, path, { as: 'operator', body, headers: { 'If-Match': tag } });
    const read = async (path: string) => {
      const of = path.startsWith('/v1/providers') ? '/v1/providers/skyways' : agentPath;
      return (await call('GET', of, { as: 'operator' })).headers.get('etag') ?? '';
    };

    it.each(updates)('%s %s works on the version that was read only', async (...route) => {
      const stale = await read(route[1]);
      expect(stale).toMatch(/^"[^"]+"$/);
      await world.registry.setProviderStatus('skyways', 'active', 'changed', by);
      await world.registry.changeDeployment('skyways/flights', 'default', { weight: 5 }, by);
      expect(outcome(await unchanged(() => update(route, stale)))).toBe('412 precondition_failed');
      const fresh = await read(route[1]);
      expect(fresh).not.toBe(stale);
      expect((await update(route, fresh)).status).toBeLessThan(300);
      expect(await read(route[1])).not.toBe(fresh);
    });

    it.each(updates)('%s %s refuses what is not one strong tag', async (...route) => {
      const current = await read(route[1]);
      for (const tag of [`W/${current}`, current.slice(1, -1), `${current}, "other"`, '""'])
        expect(outcome(await unchanged(() => update(route, tag)))).toBe('400 invalid_request');
    });

    it('guards a refresh too', async () => {
      let card = cardAt('https://hotels.example/rpc');
      const cardUrl = await world.serve((_, res) => res.end(JSON.stringify(card)));
      const made = await call('POST', agentsPath, { as: 'skyways', body: { id: 'hotels', cardUrl } });
      card = { ...card, name: 'Newer' };
      const refresh = (tag: string) =>
        call('POST', '/v1/agents/skyways/hotels/refresh', { as: 'skyways', headers: { 'If-Match': tag } });
      expect(outcome(await unchanged(() => refresh('"stale"')))).toBe('412 precondition_failed');
      const refreshed = await refresh(made.headers.get('etag') ?? '');
      expect(refreshed.json).toMatchObject({ name: 'Newer' });
      expect(refreshed.headers.get('etag')).not.toBe(made.headers.get('etag'));
    });
  });

  describe('on the wire', () => {
    const at = '2026-01-15T12:00:00.000Z';

    it('admits, reads and lists a provider', async () => {
      const body = { id: 'globex', name: 'Globex', domains: ['globex.example'], contact: 'a@globex.example' };
      const made = await call('POST', '/v1/providers', { as: 'operator', body });
      expect(made.status).toBe(201);
      expect(made.json).toEqual({ ...body, status: 'active', createdAt: at, updatedAt: at });
      const read = await call('GET', '/v1/providers/globex', { as: 'globex' });
      expect([read.json, read.headers.get('etag')]).toEqual([made.json, made.headers.get('etag')]);
      const list = await call('GET', '/v1/providers?limit=1', { as: 'operator' });
      expect(list.json['items']).toEqual([made.json]);
      const next = `/v1/providers?cursor=${String(list.json['nextCursor'])}`;
      expect((await call('GET', next, { as: 'operator' })).json).toMatchObject({
        items: [{ id: 'skyways' }],
      });
    });

    it('registers an agent without showing where it is deployed', async () => {
      const body = { ...hotels, scopes: ['hotels:book'], resource: 'urn:hotels' };
      const made = await call('POST', agentsPath, { as: 'skyways', body });
      expect(made.status).toBe(201);
      expect(made.json).toMatchObject({
        id: 'skyways/hotels',
        status: 'draft',
        scopes: ['a2a:invoke', 'a2a:read', 'hotels:book'],
        brokeredUrl: `${brokerUrl}/a2a/skyways/hotels`,
        createdAt: at,
      });
      expect(made.json).not.toHaveProperty('deployments');
      const read = await call('GET', '/v1/agents/skyways/hotels', { as: 'operator' });
      expect([read.json, read.headers.get('etag')]).toEqual([made.json, made.headers.get('etag')]);
    });

    it('takes a step with or without a reason', async () => {
      const published = await call('POST', `${agentPath}/publish`, { as: 'skyways' });
      expect(published.json).toMatchObject({ status: 'published' });
      expect(published.json).not.toHaveProperty('statusReason');
      const suspended = await call('POST', `${agentPath}/suspend`, { as: 'skyways', body: reason });
      expect(suspended.json).toMatchObject({ status: 'suspended', statusReason: 'because' });
      const search = await call('GET', '/v1/agents?provider=skyways', { as: 'skyways' });
      expect(search.json).toEqual({ items: [suspended.json] });
    });

    it('lists versions and deployments, and changes one', async () => {
      const versions = await call('GET', `${agentPath}/versions`, { as: 'skyways' });
      expect(versions.json).toEqual({
        items: [{ digest: expect.any(String), current: true, createdAt: at, card: flightsCard() }],
      });
      const made = await call('POST', `${agentPath}/deployments`, { as: 'skyways', body: eu });
      expect([made.status, made.json['resource']]).toEqual([201, eu.url]);
      const body = { state: 'draining' };
      const changed = await call('PATCH', `${agentPath}/deployments/eu`, { as: 'skyways', body });
      expect(changed.json).toEqual({ ...made.json, state: 'draining' });
      const list = await call('GET', `${agentPath}/deployments`, { as: 'skyways' });
      expect(list.json).toMatchObject({ items: [{ id: 'default', url: endpoint }, changed.json] });
    });

    const unreachable = { id: 'hotels', cardUrl: 'https://127.0.0.1/card?key=secret' };
    const credentials = { id: 'hotels', cardUrl: 'https://user:secret@agents.example/card' };
    const invalid: JsonObject = { ...hotels, card: { name: 'x' } };
    it.each([
      ['409 provider_exists', '/v1/providers', { id: 'skyways', name: 'Impostor' }],
      ['409 agent_exists', agentsPath, { ...hotels, id: 'flights' }],
      ['409 resource_taken', agentsPath, { ...hotels, resource: endpoint }],
      ['422 card_invalid', agentsPath, invalid],
      ['422 card_unreachable', agentsPath, unreachable],
      ['400 invalid_request', agentsPath, credentials],
      ['409 deployment_exists', `${agentPath}/deployments`, { ...eu, id: 'default' }],
      ['409 wrong_state', `${agentPath}/refresh`, undefined],
      ['404 not_found', '/v1/providers/nobody/agents', hotels],
      ['404 not_found', '/v1/agents/skyways/none/publish', undefined],
    ])('answers %s at %s', async (expected, path, body) => {
      const answer = await unchanged(() => call('POST', path, { as: 'operator', body }));
      expect(outcome(answer)).toBe(expected);
      expect(answer.text).not.toContain('secret');
    });

    it('answers 409 to an agent of a suspended provider', async () => {
      await world.registry.setProviderStatus('skyways', 'suspended', 'fraud', { by: operator });
      const answer = await unchanged(() => call('POST', agentsPath, { as: 'skyways', body: hotels }));
      expect(outcome(answer)).toBe('409 provider_not_active');
    });

    it('refuses a body beyond any card', async () => {
      const body = { ...hotels, card: flightsCard({ pad: long(1 << 20) }) };
      const answer = await unchanged(() => call('POST', agentsPath, { as: 'skyways', body }));
      expect(outcome(answer)).toBe('413 payload_too_large');
      const smaller = { ...hotels, card: flightsCard({ pad: long(300_000) }) };
      const second = await unchanged(() => call('POST', agentsPath, { as: 'skyways', body: smaller }));
      expect(outcome(second)).toBe('422 card_invalid');
      expect(wrongFields(second)).toEqual([]);
    });
  });
});
