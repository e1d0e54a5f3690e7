import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { engines } from '../support/stores.ts';
import { client } from '../tenancy/surface.ts';
import { refusal, trail } from '../tenancy/watched-store.ts';
import { cardAt, endpoint, flightsCard } from './cards.ts';
import { by, openRegistry, operator, type RegistryWorld } from './setup.ts';

const id = 'skyways/flights';
type Step = 'publish' | 'suspend' | 'retire';

describe.each(engines)('an agent’s life on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
  });
  afterEach(() => world.dispose());

  const refused = (attempt: () => Promise<unknown>) => refusal(world.store, attempt);
  const move = (step: Step, reason?: string, update = by) => registry.moveAgent(id, step, reason, update);
  const read = () => registry.readAgent(id, operator);

  describe('steps', () => {
    const paths: Record<string, readonly Step[]> = {
      draft: [],
      published: ['publish'],
      suspended: ['suspend'],
      retired: ['retire'],
    };
    const go = async (state: string) => {
      await world.flights();
      for (const step of paths[state] ?? []) await move(step);
      expect((await read()).agent.status).toBe(state);
    };

    it.each([
      ['draft', 'publish', 'published'],
      ['draft', 'suspend', 'suspended'],
      ['draft', 'retire', 'retired'],
      ['published', 'suspend', 'suspended'],
      ['published', 'retire', 'retired'],
      ['suspended', 'publish', 'published'],
      ['suspended', 'retire', 'retired'],
    ] as const)('from %s, %s leads to %s', async (from, step, to) => {
      await go(from);
      world.clock.advance(1000);
      const before = await read();
      const moved = await move(step, 'because');
      const { heldByOperator: _, ...kept } = before.agent;
      expect(moved.agent).toEqual({
        ...kept,
        status: to,
        statusReason: 'because',
        ...(step === 'suspend' ? { heldByOperator: true } : {}),
        updatedAt: world.clock.now(),
      });
      expect(moved.version).not.toBe(before.version);
      expect(await read()).toEqual(moved);
      expect((await trail(world.audit)).at(-1)).toEqual({
        action: `agent.${step}`,
        outcome: 'allowed',
        actor: 'operator',
        provider: 'skyways',
        agent: id,
        detail: { reason: 'because' },
      });
      expect(await registry.publishedScopes(id)).toEqual(
        to === 'published' ? ['a2a:invoke', 'a2a:read'] : undefined,
      );
    });

    it('leave no reason of an earlier step behind', async () => {
      await go('suspended');
      expect((await registry.moveAgent(id, 'publish', undefined, { by: operator })).agent).not.toHaveProperty(
        'statusReason',
      );
    });

    it('of the operator hold against the provider, its own do not', async () => {
      const owner: Principal = {
        kind: 'client',
        clientId: 'skyways-admin',
        owner: 'provider:skyways',
        scopes: ['registry:write'],
      };
      const publish = () => registry.moveAgent(id, 'publish', undefined, { by: owner });
      await go('published');
      await registry.moveAgent(id, 'suspend', 'pause', { by: owner });
      expect((await publish()).agent.status).toBe('published');
      await registry.moveAgent(id, 'suspend', 'fraud', { by: operator });
      expect((await refused(publish)).code).toBe('forbidden');
      expect((await registry.readAgent(id, operator)).agent.status).toBe('suspended');
    });

    it.each(['publish', 'suspend'] as const)('a retired agent stays retired: no %s', async (step) => {
      await go('retired');
      expect((await refused(() => move(step))).code).toBe('wrong_state');
    });

    it.each([
      ['published', 'publish'],
      ['suspended', 'suspend'],
      ['retired', 'retire'],
    ] as const)('an agent that is %s: %s changes nothing', async (state, step) => {
      await go(state);
      const [before, records] = [await read(), await world.store.snapshot()];
      expect(await move(step, 'again')).toEqual(before);
      expect(await world.store.snapshot()).toEqual(records);
    });
  });

  it.each([
    ['move', () => registry.moveAgent('skyways/none', 'publish', undefined, by)],
    ['refresh', () => registry.refreshAgent('skyways/none', by)],
    ['read', () => registry.readAgent('skyways/none', operator)],
  ] as const)('cannot %s an agent that does not exist', async (_, attempt) => {
    await world.flights();
    expect((await refused(attempt)).code).toBe('not_found');
    expect(await registry.callableAgent('skyways/none')).toBeUndefined();
    expect(await registry.publishedScopes('skyways/none')).toBeUndefined();
  });

  it('is not moved on an old version, nor over somebody who was faster', async () => {
    await world.flights();
    const { version } = await read();
    world.store.beforeNextCommit(() => move('suspend', 'first'));
    await expect(move('publish')).rejects.toMatchObject({ code: 'conflict' });
    expect((await read()).agent).toMatchObject({ status: 'suspended', statusReason: 'first' });
    const late = () => registry.moveAgent(id, 'retire', undefined, { by: operator, version });
    expect((await refused(late)).code).toBe('precondition_failed');
    expect((await trail(world.audit)).map(({ action }) => action)).toEqual([
      'provider.admit',
      'agent.register',
      'agent.suspend',
    ]);
  });

  it('shows a draft to its provider and the operator, to others as if it did not exist', async () => {
    await world.flights();
    const own = client('provider:skyways');
    const others = [client('provider:globex'), client('tenant:skyways'), client('tenant:acme')];
    expect((await registry.readAgent(id, own)).agent.status).toBe('draft');
    for (const other of others) {
      const hidden = await refused(() => registry.readAgent(id, other));
      const missing = await refused(() => registry.readAgent('skyways/none', other));
      expect([hidden.code, hidden.message]).toEqual([
        'not_found',
        missing.message.replace('skyways/none', id),
      ]);
    }
    await move('publish');
    for (const other of others) expect((await registry.readAgent(id, other)).agent.id).toBe(id);
    await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
    for (const other of others)
      expect((await refused(() => registry.readAgent(id, other))).code).toBe('not_found');
    expect((await registry.readAgent(id, own)).agent.status).toBe('published');
  });

  describe('refreshing', () => {
    let served: { status: number; body: string };
    const answer = (card: object) => (served = { status: 200, body: JSON.stringify(card) });
    beforeEach(async () => {
      answer(flightsCard());
      const base = await world.serve((_, res) => {
        res.statusCode = served.status;
        res.end(served.body);
      });
      await registry.admitProvider({ id: 'skyways', name: 'Skyways' }, operator);
      await registry.registerAgent('skyways', { id: 'flights', cardUrl: `${base}/card` }, operator);
      await move('publish');
    });
    const versions = async () =>
      (await registry.listCardVersions(id, { limit: 50 })).items.map(({ value }) => value);

    it('adopts the new card and keeps the old version; deployments stay', async () => {
      const before = await read();
      const [first] = await versions();
      world.clock.advance(1000);
      const card = cardAt('https://moved.example/rpc', { name: 'Flights 3', capabilities: {} });
      answer(card);
      const after = await registry.refreshAgent(id, by);
      expect(after.agent).toMatchObject({ name: 'Flights 3', streaming: false, status: 'published' });
      expect(after.agent.deployments).toEqual(before.agent.deployments);
      expect(after.agent.cardDigest).not.toBe(before.agent.cardDigest);
      expect(await read()).toEqual(after);
      expect(await versions()).toHaveLength(2);
      expect(await versions()).toEqual(
        expect.arrayContaining([
          first,
          {
            digest: after.agent.cardDigest,
            original: JSON.stringify(card),
            createdAt: world.clock.now(),
          },
        ]),
      );
      expect((await trail(world.audit)).at(-1)).toMatchObject({
        action: 'agent.refresh',
        agent: id,
        detail: { card: after.agent.cardDigest },
      });
      expect(await registry.findResource('https://moved.example/rpc')).toBeUndefined();
    });

    it('changes nothing when the card says the same, however it is written', async () => {
      const [before, records] = [await read(), await world.store.snapshot()];
      const reordered = Object.fromEntries(Object.entries(flightsCard()).toReversed());
      served = { status: 200, body: JSON.stringify(reordered, null, 4) };
      expect(await registry.refreshAgent(id, by)).toEqual(before);
      expect(await world.store.snapshot()).toEqual(records);
    });

    it.each([
      ['a card that is no longer valid', 200, '{"name":"x"}', 'card_invalid'],
      ['no JSON', 200, '<html>', 'card_invalid'],
      ['an error', 503, '{}', 'card_unreachable'],
    ])('keeps the last good card when the server answers %s', async (_, status, body, code) => {
      served = { status, body };
      expect((await refused(() => registry.refreshAgent(id, by))).code).toBe(code);
      expect((await registry.originalCard(id))?.body).toBe(JSON.stringify(flightsCard()));
    });

    it('is refused for a card that was given inline', async () => {
      const card = JSON.stringify(cardAt('https://inline.example/rpc'));
      await registry.registerAgent('skyways', { id: 'inline', card }, operator);
      const fault = await refused(() => registry.refreshAgent('skyways/inline', by));
      expect(fault.code).toBe('wrong_state');
    });

    it('takes the version that was read, and gives way to somebody who was faster', async () => {
      const { version } = await read();
      answer(flightsCard({ name: 'Newer' }));
      world.store.beforeNextCommit(() => move('suspend'));
      await expect(registry.refreshAgent(id, by)).rejects.toMatchObject({ code: 'conflict' });
      const late = () => registry.refreshAgent(id, { by: operator, version });
      expect((await refused(late)).code).toBe('precondition_failed');
      expect((await read()).agent.name).toBe('Flights');
      expect(await versions()).toHaveLength(1);
    });
  });

  it('lists card versions page by page', async () => {
    await world.flights();
    const page = await registry.listCardVersions(id, { limit: 1 });
    expect(page.items.map(({ value }) => value)).toEqual([
      {
        digest: (await read()).agent.cardDigest,
        original: JSON.stringify(flightsCard()),
        createdAt: world.clock.now(),
      },
    ]);
    expect((await registry.findResource(endpoint))?.agentId).toBe(id);
    expect((await registry.listCardVersions('skyways/flight', { limit: 9 })).items).toEqual([]);
  });
});
