import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import { addAgent, addTenant, exchangeGrant, jwksOf } from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

type NewClient = Parameters<TrustWorld['trust']['registerClient']>[0];

describe.each(engines)('clients, on $name', (engine) => {
  let world: TrustWorld;
  let input: NewClient;
  const register = (changes: Partial<NewClient> = {}) =>
    world.trust.registerClient({ ...input, ...changes }, operator);

  beforeEach(async () => {
    world = await openTrust(engine);
    await addTenant(world, 'acme');
    await addAgent(world, 'skyways/flights');
    input = {
      id: 'acme-web',
      name: 'Web',
      owner: 'tenant:acme',
      jwks: jwksOf(await newParty()),
      grantTypes: [exchangeGrant],
      scopes: [],
    };
  });
  afterEach(() => world.dispose());

  it('are registered as they are described, active, and found again', async () => {
    const client = await register({ scopes: ['trust:read'], callScopes: ['a2a:read'] });
    expect(client).toEqual({
      ...input,
      scopes: ['trust:read'],
      callScopes: ['a2a:read'],
      issuerClientIds: {},
      status: 'active',
      createdAt: world.clock.now(),
    });
    expect((await world.trust.findClient('acme-web'))?.client).toEqual(client);
    expect((await trail(world.audit)).at(-1)).toEqual({
      action: 'client.register',
      outcome: 'allowed',
      actor: 'operator',
      client: 'acme-web',
      tenant: 'acme',
      detail: { scopes: ['trust:read'], agent: null },
    });
  });

  it('get an id when they bring none', async () => {
    const { id: _, ...unnamed } = input;
    const client = await world.trust.registerClient(unnamed, operator);
    expect(client.id).toMatch(/^cli_[0-9a-f]{32}$/);
    expect((await world.trust.findClient(client.id))?.client).toEqual(client);
  });

  it.each([
    ['whose id is taken', { id: 'acme-app' }, 'client_exists'],
    ['of an unknown tenant', { owner: 'tenant:nobody' }, 'unknown_party'],
    ['of an unknown provider', { owner: 'provider:nobody' }, 'unknown_party'],
    ['that is another company’s agent', { agent: 'skyways/flights' }, 'wrong_owner'],
    [
      'that is an agent which does not exist',
      { owner: 'provider:skyways', agent: 'skyways/none' },
      'wrong_owner',
    ],
    ['with a key set that cannot be used', { jwks: { keys: [] } }, 'keys_unusable'],
  ] as const)('one %s is refused and leaves nothing', async (_, changes, code) => {
    expect((await faultOf(world.store, () => register(changes))).code).toBe(code);
  });

  it('of two that take the same id at the same moment, one is registered', async () => {
    const other = jwksOf(await newParty());
    world.store.beforeNextCommit(() => register({ name: 'Faster', jwks: other }));
    await expect(register({ name: 'Slower' })).rejects.toMatchObject({ code: 'client_exists' });
    expect((await world.trust.findClient('acme-web'))?.client).toMatchObject({ name: 'Faster', jwks: other });
  });

  it('are listed page by page', async () => {
    for (const id of ['b', 'c', 'd']) await register({ id });
    const first = await world.trust.listClients({ limit: 3 });
    expect(first.items.map(({ value }) => value.id)).toEqual(['acme-app', 'b', 'c']);
    const second = await world.trust.listClients({ limit: 3, cursor: first.cursor ?? '' });
    expect(second.items.map(({ value }) => value.id)).toEqual(['d', 'skyways-flights']);
    expect(second.cursor).toBeUndefined();
  });

  describe('change', () => {
    it('their name or status, and nothing else, and the audit log says so', async () => {
      await register();
      const renamed = await world.trust.changeClient('acme-web', { name: 'Shop' }, { by: operator });
      expect(renamed.client).toMatchObject({ ...input, name: 'Shop', status: 'active' });
      const disabled = await world.trust.changeClient('acme-web', { status: 'disabled' }, { by: operator });
      expect(disabled.client).toMatchObject({ ...input, name: 'Shop', status: 'disabled' });
      expect(await world.trust.findClient('acme-web')).toEqual(disabled);
      expect((await trail(world.audit)).at(-1)).toMatchObject({
        action: 'client.update',
        client: 'acme-web',
        tenant: 'acme',
        detail: { status: 'disabled' },
      });
    });

    it('only from the version that the caller has seen, when it says which', async () => {
      await register();
      const seen = await world.trust.findClient('acme-web');
      const { version } = await world.trust.changeClient(
        'acme-web',
        { name: 'Shop' },
        { by: operator, version: seen?.version },
      );
      expect(version).not.toBe(seen?.version);
      const stale = await faultOf(world.store, () =>
        world.trust.changeClient('acme-web', { name: 'Old' }, { by: operator, version: seen?.version }),
      );
      expect(stale.code).toBe('precondition_failed');
      expect((await world.trust.findClient('acme-web'))?.version).toBe(version);
    });

    it('and of two changes at the same moment one is told to look again', async () => {
      await register();
      const change = (name: string) => world.trust.changeClient('acme-web', { name }, { by: operator });
      world.store.beforeNextCommit(() => change('Faster'));
      await expect(change('Slower')).rejects.toMatchObject({ code: 'conflict' });
      expect((await world.trust.findClient('acme-web'))?.client.name).toBe('Faster');
    });

    it('not when they do not exist', async () => {
      const fault = await faultOf(world.store, () =>
        world.trust.changeClient('nobody', { name: 'x' }, { by: operator }),
      );
      expect(fault.code).toBe('not_found');
      expect(await world.trust.findClient('nobody')).toBeUndefined();
    });
  });
});
