import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { client } from '../tenancy/surface.ts';
import { refusal, trail } from '../tenancy/watched-store.ts';
import { cardAt, endpoint, flightsCard } from './cards.ts';
import { by, openRegistry, operator, type RegistryWorld } from './setup.ts';

const skyways = { id: 'skyways', name: 'Skyways' };
const inline = (card = flightsCard()) => JSON.stringify(card);

type Input = Partial<Parameters<RegistryWorld['registry']['registerAgent']>[1]>;

describe.each(engines)('providers and agents on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
  });
  afterEach(() => world.dispose());

  const refused = (attempt: () => Promise<unknown>) => refusal(world.store, attempt);
  const lastEntry = async () => (await trail(world.audit)).at(-1);
  const actions = async () => (await trail(world.audit)).map(({ action }) => action);
  const register = (
    input: Partial<Parameters<typeof registry.registerAgent>[1]> = {},
    provider = 'skyways',
  ) => registry.registerAgent(provider, { id: 'flights', card: inline(), ...input }, operator);

  describe('a provider', () => {
    it('is admitted, active at once, and audited', async () => {
      const input = { ...skyways, domains: ['skyways.example'], contact: 'ops@skyways.example' };
      const { provider, version } = await registry.admitProvider(input, operator);
      const now = world.clock.now();
      expect(provider).toEqual({ ...input, status: 'active', createdAt: now, updatedAt: now });
      expect(await registry.readProvider('skyways')).toEqual({ provider, version });
      expect(await registry.getProvider('skyways')).toEqual(provider);
      expect(await trail(world.audit)).toEqual([
        { action: 'provider.admit', outcome: 'allowed', actor: 'operator', provider: 'skyways' },
      ]);
    });

    it('keeps its id: a second one is refused', async () => {
      await registry.admitProvider(skyways, operator);
      const fault = await refused(() => registry.admitProvider({ ...skyways, name: 'Impostor' }, operator));
      expect(fault.code).toBe('provider_exists');
    });

    it('is suspended and reinstated, with the reason kept and audited', async () => {
      await registry.admitProvider(skyways, operator);
      world.clock.advance(1000);
      const off = await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
      expect(off.provider).toMatchObject({
        status: 'suspended',
        statusReason: 'fraud',
        updatedAt: world.clock.now(),
        createdAt: world.clock.now() - 1000,
      });
      expect(await lastEntry()).toMatchObject({ action: 'provider.suspend', detail: { reason: 'fraud' } });
      const on = await registry.setProviderStatus('skyways', 'active', 'cleared', by);
      expect(await registry.readProvider('skyways')).toEqual(on);
      expect(on.provider).toMatchObject({ status: 'active', statusReason: 'cleared' });
      expect(await lastEntry()).toMatchObject({ action: 'provider.reinstate', provider: 'skyways' });
    });

    it('is not changed on an old version, nor over somebody who was faster', async () => {
      const { version } = await registry.admitProvider(skyways, operator);
      const suspend = (reason: string) =>
        registry.setProviderStatus('skyways', 'suspended', reason, { by: operator, version });
      world.store.beforeNextCommit(() => registry.setProviderStatus('skyways', 'active', 'first', by));
      await expect(suspend('second')).rejects.toMatchObject({ code: 'conflict' });
      expect(await registry.getProvider('skyways')).toMatchObject({
        status: 'active',
        statusReason: 'first',
      });
      expect(await actions()).toEqual(['provider.admit', 'provider.reinstate']);
      expect((await refused(() => suspend('third'))).code).toBe('precondition_failed');
    });

    it('takes all its agents off with it, and brings them back', async () => {
      await world.flights({ publish: true });
      const seen = async () => ({
        scopes: await registry.publishedScopes('skyways/flights'),
        status: (await registry.callableAgent('skyways/flights'))?.providerStatus,
      });
      expect(await seen()).toEqual({ scopes: ['a2a:invoke', 'a2a:read'], status: 'active' });
      await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
      expect(await seen()).toEqual({ scopes: undefined, status: 'suspended' });
      await registry.setProviderStatus('skyways', 'active', 'cleared', by);
      expect((await seen()).scopes).toHaveLength(2);
    });

    it('is not found when there is none', async () => {
      const suspend = () => registry.setProviderStatus('nobody', 'suspended', 'x', by);
      expect((await refused(suspend)).code).toBe('not_found');
      expect((await refused(() => registry.readProvider('nobody'))).code).toBe('not_found');
      expect(await registry.getProvider('nobody')).toBeUndefined();
    });

    it('is listed by id, page by page, more than one read of the store can hold', async () => {
      const ids = Array.from({ length: 101 }, (_, index) => `p-${String(index).padStart(3, '0')}`);
      for (const id of ids.toReversed()) await registry.admitProvider({ id, name: id }, operator);
      const first = await registry.listProviders({ limit: 200 });
      const second = await registry.listProviders({ limit: 200, cursor: first.cursor ?? 'missing' });
      expect([...first.items, ...second.items].map(({ value }) => value.id)).toEqual(ids);
      expect([first.items.length, second.cursor]).toEqual([100, undefined]);
    });
  });

  describe('registering an agent', () => {
    beforeEach(() => registry.admitProvider(skyways, operator));

    it('makes a draft from an inline card, with one deployment at its JSON-RPC interface', async () => {
      const now = world.clock.now();
      const { agent, version } = await registry.registerAgent(
        'skyways',
        { id: 'flights', card: inline(), scopes: ['flights:book', 'a2a:read'], region: 'eu-west-1' },
        client('provider:skyways', 'registry:write'),
      );
      expect(agent).toEqual({
        id: 'skyways/flights',
        provider: 'skyways',
        name: 'Flights',
        description: 'Finds and books flights',
        status: 'draft',
        cardDigest: expect.stringMatching(/^[\w-]{43}$/),
        scopes: ['a2a:invoke', 'a2a:read', 'flights:book'],
        streaming: true,
        skills: [
          { id: 'search', name: 'Search flights', tags: ['travel', 'search'] },
          { id: 'book', name: 'Book a flight', tags: ['travel'] },
        ],
        deployments: [
          {
            id: 'default',
            model: 'pooled',
            region: 'eu-west-1',
            url: endpoint,
            protocolVersion: '1.0',
            upstreamTenant: 'lane-7',
            resource: endpoint,
            weight: 100,
            state: 'active',
          },
        ],
        createdAt: now,
        updatedAt: now,
      });
      expect(await registry.readAgent('skyways/flights', operator)).toEqual({ agent, version });
      expect(await lastEntry()).toEqual({
        action: 'agent.register',
        outcome: 'allowed',
        actor: 'client-of-provider-skyways',
        provider: 'skyways',
        agent: 'skyways/flights',
        detail: { card: agent.cardDigest, resource: endpoint },
      });
    });

    it('makes a draft that cannot be called, and whose resource is claimed', async () => {
      await register();
      expect(await registry.publishedScopes('skyways/flights')).toBeUndefined();
      expect(await registry.callableAgent('skyways/flights')).toMatchObject({
        status: 'draft',
        providerStatus: 'active',
      });
      expect(await registry.findResource(endpoint)).toEqual({
        resource: endpoint,
        agentId: 'skyways/flights',
        deploymentId: 'default',
      });
    });

    it('fetches the card from exactly where it is said to be', async () => {
      const asked: unknown[] = [];
      const base = await world.serve((req, res) => {
        asked.push([req.method, req.url, req.headers.authorization, req.headers.cookie]);
        res.end(inline());
      });
      const cardUrl = `${base}/cards/flights.json?v=1`;
      const { agent } = await registry.registerAgent('skyways', { id: 'flights', cardUrl }, operator);
      expect(agent).toMatchObject({ cardUrl, name: 'Flights' });
      expect(asked).toEqual([['GET', '/cards/flights.json?v=1', undefined, undefined]]);
    });

    it.each<[string, string, Input, string]>([
      ['a provider that does not exist', 'not_found', {}, 'nobody'],
      ['a card that is not valid', 'card_invalid', { card: '{}' }, 'skyways'],
    ])('refuses %s', async (_, code, input, provider) => {
      expect((await refused(() => register(input, provider))).code).toBe(code);
      expect(await registry.findResource(endpoint)).toBeUndefined();
    });

    it('refuses a suspended provider', async () => {
      await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
      expect((await refused(() => register())).code).toBe('provider_not_active');
    });

    it('refuses an id that is taken, also for another card and resource', async () => {
      await register();
      const again = () => register({ card: inline(cardAt('https://elsewhere.example/rpc')) });
      expect((await refused(again)).code).toBe('agent_exists');
      expect(await registry.findResource('https://elsewhere.example/rpc')).toBeUndefined();
    });

    it('lets the same name be used by another provider', async () => {
      await registry.admitProvider({ id: 'globex', name: 'Globex' }, operator);
      await register();
      await register({ card: inline(cardAt('https://globex.example/rpc')) }, 'globex');
      expect((await registry.readAgent('globex/flights', operator)).agent.provider).toBe('globex');
    });

    it.each<[string, Input]>([
      ['by its card', { card: inline() }],
      ['by name', { card: inline(cardAt('https://globex.example/rpc')), resource: endpoint }],
    ])('refuses another agent’s resource, claimed %s', async (_, input) => {
      await register();
      await registry.admitProvider({ id: 'globex', name: 'Globex' }, operator);
      expect((await refused(() => register(input, 'globex'))).code).toBe('resource_taken');
      expect(await registry.findResource(endpoint)).toMatchObject({ agentId: 'skyways/flights' });
      expect((await refused(() => registry.readAgent('globex/flights', operator))).code).toBe('not_found');
    });

    it.each([
      ['the broker itself', 'https://broker.example'],
      ['another agent at the broker', 'https://broker.example/a2a/globex/hotels'],
    ])('refuses a card whose interface is the audience of %s', async (_, url) => {
      await expect(register({ card: inline(cardAt(url)) })).rejects.toMatchObject({ code: 'resource_taken' });
    });

    it.each<[string, string, Input]>([
      ['id', 'agent_exists', { id: 'flights', card: inline(cardAt('https://two.example/rpc')) }],
      ['resource', 'resource_taken', { id: 'flights-2' }],
    ])('gives way to an agent of the same %s that was faster', async (_, code, slower) => {
      world.store.beforeNextCommit(() => register());
      await expect(register(slower)).rejects.toMatchObject({ code });
      expect((await registry.searchAgents({ limit: 50 }, operator)).items).toHaveLength(1);
      expect(await registry.findResource(endpoint)).toMatchObject({ agentId: 'skyways/flights' });
      expect(await registry.findResource('https://two.example/rpc')).toBeUndefined();
      expect(await actions()).toEqual(['provider.admit', 'agent.register']);
    });

    it('gives way when the provider is suspended meanwhile', async () => {
      world.store.beforeNextCommit(() => registry.setProviderStatus('skyways', 'suspended', 'fraud', by));
      await expect(register()).rejects.toMatchObject({ code: 'conflict' });
      expect(await registry.callableAgent('skyways/flights')).toBeUndefined();
      expect(await registry.findResource(endpoint)).toBeUndefined();
    });
  });
});
