import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { engines } from '../support/stores.ts';
import { openTenancy, operator, type TenancyWorld } from './setup.ts';
import { refusal, trail } from './watched-store.ts';

const bySkyways: Principal = { kind: 'client', clientId: 'sky-admin', owner: 'provider:skyways', scopes: [] };

describe.each(engines)('a provider’s own ids for tenants, on $name', (engine) => {
  let world: TenancyWorld;
  beforeEach(async () => {
    world = await openTenancy(engine);
    world.offered.set('skyways/hotels', ['a2a:read']);
    world.offered.set('northpay/payments', ['a2a:read']);
    for (const id of ['acme', 'globex'])
      await world.tenancy.createTenant({ id, name: id, tier: 'standard' }, operator);
    await world.tenancy.subscribe('acme', { agent: 'skyways/flights' }, operator);
  });
  afterEach(() => world.dispose());

  const link = (audTenant: string, tenant = 'acme', by: Principal = bySkyways) =>
    world.tenancy.linkAccount({ provider: 'skyways', tenant, audTenant }, by);
  const unlink = (tenant = 'acme', by: Principal = bySkyways) =>
    world.tenancy.unlinkAccount({ provider: 'skyways', tenant }, by);
  const knownAs = async (agent: string, tenant = 'acme') =>
    (await world.tenancy.findSubscription(tenant, agent))?.audTenant;
  const codeOf = async (attempt: () => Promise<unknown>) => (await refusal(world.store, attempt)).code;

  it('hold for all agents of the provider, now and later, and for nobody else’s', async () => {
    await world.tenancy.subscribe('acme', { agent: 'northpay/payments' }, operator);
    expect(await link('A-1')).toEqual({
      provider: 'skyways',
      tenant: 'acme',
      audTenant: 'A-1',
      updatedAt: world.clock.now(),
    });
    await world.tenancy.subscribe('acme', { agent: 'skyways/hotels' }, operator);
    expect([await knownAs('skyways/flights'), await knownAs('skyways/hotels')]).toEqual(['A-1', 'A-1']);
    expect(await knownAs('northpay/payments')).toBeUndefined();
    await link('A-2');
    expect([await knownAs('skyways/flights'), await knownAs('skyways/hotels')]).toEqual(['A-2', 'A-2']);
    expect(await world.tenancy.readAccount('skyways', 'acme')).toMatchObject({ audTenant: 'A-2' });
    const { items } = await world.tenancy.listAccounts('skyways', { limit: 10 });
    expect(items.map(({ value }) => value.audTenant)).toEqual(['A-2']);
    expect((await trail(world.audit)).at(-1)).toEqual({
      action: 'account.link',
      outcome: 'allowed',
      actor: 'sky-admin',
      provider: 'skyways',
      tenant: 'acme',
      detail: { audTenant: 'A-2' },
    });
  });

  it('can be taken away', async () => {
    await link('A-1');
    expect(await unlink()).toMatchObject({ audTenant: 'A-1' });
    expect(await knownAs('skyways/flights')).toBeUndefined();
    expect(await codeOf(() => world.tenancy.readAccount('skyways', 'acme'))).toBe('not_found');
    expect(await codeOf(() => unlink())).toBe('not_found');
  });

  it('are one tenant’s each, and free again when they are given up', async () => {
    await world.tenancy.subscribe('globex', { agent: 'skyways/flights' }, operator);
    await link('A-1');
    expect(await codeOf(() => link('A-1', 'globex'))).toBe('account_taken');
    await link('A-2');
    expect(await link('A-1', 'globex')).toMatchObject({ tenant: 'globex' });
    expect(await codeOf(() => link('A-1'))).toBe('account_taken');
    await unlink('globex');
    expect(await link('A-1')).toMatchObject({ tenant: 'acme' });
    expect(await link('A-1')).toMatchObject({ tenant: 'acme' });
  });

  it('are said of customers alone: who is none is like who does not exist', async () => {
    const faultOf = (tenant: string) => refusal(world.store, () => link('X-1', tenant));
    const [stranger, nobody] = [await faultOf('globex'), await faultOf('nobody')];
    expect([stranger.code, stranger.message.replace('globex', 'nobody')]).toEqual([
      nobody.code,
      nobody.message,
    ]);
    // The operator may say it beforehand.
    expect(await link('X-1', 'globex', operator)).toMatchObject({ tenant: 'globex' });
    expect(await codeOf(() => link('X-2', 'nobody', operator))).toBe('not_found');
    const strange = { provider: 'nobody', tenant: 'acme', audTenant: 'X' };
    expect(await codeOf(() => world.tenancy.linkAccount(strange, operator))).toBe('not_found');
    await world.tenancy.subscribe('globex', { agent: 'skyways/flights' }, operator);
    expect(await knownAs('skyways/flights', 'globex')).toBe('X-1');
  });

  it('come about with a subscription as well, and are the same then', async () => {
    await world.tenancy.subscribe('globex', { agent: 'skyways/flights', audTenant: 'G-1' }, operator);
    expect(await world.tenancy.readAccount('skyways', 'globex')).toMatchObject({ audTenant: 'G-1' });
    const again = (audTenant: string) =>
      world.tenancy.subscribe('globex', { agent: 'skyways/hotels', audTenant }, operator);
    expect(await codeOf(() => again('G-2'))).toBe('conflict');
    expect(await again('G-1')).toMatchObject({ audTenant: 'G-1' });
    expect(
      await codeOf(() =>
        world.tenancy.linkAccount({ provider: 'skyways', tenant: 'acme', audTenant: 'G-1' }, operator),
      ),
    ).toBe('account_taken');
  });

  it('and a subscription that comes at the same moment agree', async () => {
    world.store.beforeNextCommit(() => link('A-1'));
    await expect(
      world.tenancy.subscribe('acme', { agent: 'skyways/hotels' }, operator),
    ).rejects.toMatchObject({
      code: 'conflict',
    });
    await world.tenancy.subscribe('acme', { agent: 'skyways/hotels' }, operator);
    expect(await knownAs('skyways/hotels')).toBe('A-1');
    world.store.beforeNextCommit(() => link('A-2'));
    await expect(link('A-3')).rejects.toMatchObject({ code: 'conflict' });
  });
});
