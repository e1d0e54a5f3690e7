import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { client } from './surface.ts';
import { openTenancy, operator, type TenancyWorld } from './setup.ts';
import { refusal, trail } from './watched-store.ts';

const acme = { id: 'acme', name: 'Acme', tier: 'standard' };

describe.each(engines)('tenants on $name', (engine) => {
  let world: TenancyWorld;
  let tenancy: TenancyWorld['tenancy'];
  beforeEach(async () => {
    world = await openTenancy(engine);
    ({ tenancy } = world);
  });
  afterEach(() => world.dispose());

  const refused = (attempt: () => Promise<unknown>) => refusal(world.store, attempt);
  const lastEntry = async () => (await trail(world.audit)).at(-1);

  describe('creating', () => {
    it('keeps what was given, active from now on, and says so in the audit', async () => {
      const now = world.clock.now();
      const input = { ...acme, region: 'eu-central-1', residency: ['eu-central-1', 'eu-west-1'] };
      const { tenant, version } = await tenancy.createTenant(input, operator);
      expect(tenant).toEqual({ ...input, status: 'active', createdAt: now, updatedAt: now });
      expect(await tenancy.readTenant('acme')).toEqual({ tenant, version });
      expect(await tenancy.getTenant('acme')).toEqual(tenant);
      expect(await trail(world.audit)).toEqual([
        {
          action: 'tenant.create',
          outcome: 'allowed',
          actor: 'operator',
          tenant: 'acme',
          detail: { tier: 'standard' },
        },
      ]);
      expect((await world.audit.list({ tenant: 'acme' })).items[0]?.value.at).toBe(now);
    });

    it('makes an id when none is chosen', async () => {
      const made = await Promise.all(
        [1, 2].map(() => tenancy.createTenant({ name: 'Acme', tier: 'standard' }, operator)),
      );
      const ids = made.map(({ tenant }) => tenant.id);
      for (const id of ids) expect(id).toMatch(/^ten_[0-9a-f]{32}$/);
      expect(new Set(ids).size).toBe(2);
    });

    it('names the client that did it', async () => {
      await tenancy.createTenant(acme, client('tenant:acme', 'tenancy:write'));
      expect(await lastEntry()).toMatchObject({ actor: 'client-of-tenant-acme' });
    });

    it('refuses an id that is taken', async () => {
      await tenancy.createTenant(acme, operator);
      const fault = await refused(() => tenancy.createTenant({ ...acme, name: 'Impostor' }, operator));
      expect(fault.code).toBe('tenant_exists');
      expect(await tenancy.getTenant('acme')).toMatchObject({ name: 'Acme' });
    });

    it('lets one of two win that want the same id at once', async () => {
      const outcomes = await Promise.allSettled(
        ['First', 'Second'].map((name) => tenancy.createTenant({ ...acme, name }, operator)),
      );
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(won).toHaveLength(1);
      expect(lost).toMatchObject([{ code: 'tenant_exists' }]);
      expect(await tenancy.getTenant('acme')).toEqual(won[0]?.tenant);
      expect(await trail(world.audit)).toHaveLength(1);
    });

    it('refuses a home outside the residency', async () => {
      const fault = await refused(() =>
        tenancy.createTenant({ ...acme, region: 'us-east-1', residency: ['eu-central-1'] }, operator),
      );
      expect(fault).toMatchObject({ code: 'invalid_request', fields: [{ path: '/region' }] });
      expect(await tenancy.getTenant('acme')).toBeUndefined();
    });
  });

  describe('changing', () => {
    let version: string;
    beforeEach(async () => {
      const residency = ['eu-central-1', 'eu-west-1'];
      ({ version } = await tenancy.createTenant({ ...acme, region: 'eu-west-1', residency }, operator));
    });

    it('changes what is named, keeps the rest, and takes away what is null', async () => {
      const createdAt = world.clock.now();
      world.clock.advance(5000);
      const changed = await tenancy.updateTenant('acme', { name: 'Acme SE', region: null }, { by: operator });
      expect(changed.tenant).toEqual({
        id: 'acme',
        name: 'Acme SE',
        tier: 'standard',
        residency: ['eu-central-1', 'eu-west-1'],
        status: 'active',
        createdAt,
        updatedAt: createdAt + 5000,
      });
      expect(changed.version).not.toBe(version);
      expect(await tenancy.readTenant('acme')).toEqual(changed);
      expect(await lastEntry()).toEqual({
        action: 'tenant.update',
        outcome: 'allowed',
        actor: 'operator',
        tenant: 'acme',
        detail: { fields: ['name', 'region'] },
      });
    });

    it.each([
      ['a home outside the residency that it has', { region: 'us-east-1' }],
      ['a residency without the home that it has', { residency: ['eu-central-1'] }],
      ['both at odds with each other', { region: 'eu-central-1', residency: ['us-east-1'] }],
    ])('refuses %s', async (_, change) => {
      const fault = await refused(() => tenancy.updateTenant('acme', change, { by: operator }));
      expect(fault).toMatchObject({ code: 'invalid_request', fields: [{ path: '/region' }] });
    });

    it('moves home and residency together, or gives residency up', async () => {
      const moved = { region: 'us-east-1', residency: ['us-east-1'] };
      expect((await tenancy.updateTenant('acme', moved, { by: operator })).tenant).toMatchObject(moved);
      const freed = await tenancy.updateTenant('acme', { residency: null }, { by: operator });
      expect(freed.tenant).not.toHaveProperty('residency');
      const away = await tenancy.updateTenant('acme', { region: 'ap-south-1' }, { by: operator });
      expect(away.tenant.region).toBe('ap-south-1');
    });

    const changes = [
      ['update', () => tenancy.updateTenant('acme', { name: 'Late' }, { by: operator, version })],
      ['suspend', () => tenancy.suspendTenant('acme', 'late', { by: operator, version })],
      ['reinstate', () => tenancy.reinstateTenant('acme', 'late', { by: operator, version })],
    ] as const;

    it.each(changes)('%s takes the version that was read, and no older one', async (_, change) => {
      await change();
      expect((await refused(change)).code).toBe('precondition_failed');
    });

    it.each(changes)('%s gives way to somebody who was faster', async (_, change) => {
      world.store.beforeNextCommit(() => tenancy.updateTenant('acme', { tier: 'gold' }, { by: operator }));
      await expect(change()).rejects.toMatchObject({ code: 'conflict' });
      expect(await tenancy.getTenant('acme')).toMatchObject({ name: 'Acme', tier: 'gold', status: 'active' });
      expect((await trail(world.audit)).map(({ action }) => action)).toEqual([
        'tenant.create',
        'tenant.update',
      ]);
    });

    it('suspends and reinstates, with the reason kept and audited', async () => {
      world.clock.advance(1000);
      const suspended = await tenancy.suspendTenant('acme', 'unpaid', { by: operator });
      expect(suspended.tenant).toMatchObject({
        status: 'suspended',
        statusReason: 'unpaid',
        name: 'Acme',
        updatedAt: world.clock.now(),
      });
      expect(await lastEntry()).toMatchObject({ action: 'tenant.suspend', detail: { reason: 'unpaid' } });
      const back = await tenancy.reinstateTenant('acme', 'paid', { by: operator });
      expect(back.tenant).toMatchObject({ status: 'active', statusReason: 'paid' });
      expect(await lastEntry()).toMatchObject({ action: 'tenant.reinstate', detail: { reason: 'paid' } });
      expect(await tenancy.getTenant('acme')).toEqual(back.tenant);
    });

    it('keeps a suspension through another change', async () => {
      await tenancy.suspendTenant('acme', 'unpaid', { by: operator });
      await tenancy.updateTenant('acme', { tier: 'gold' }, { by: operator });
      expect(await tenancy.getTenant('acme')).toMatchObject({ status: 'suspended', tier: 'gold' });
    });
  });

  it.each([
    ['read', () => tenancy.readTenant('nobody')],
    ['update', () => tenancy.updateTenant('nobody', { name: 'x' }, { by: operator })],
    ['suspend', () => tenancy.suspendTenant('nobody', 'x', { by: operator })],
    ['reinstate', () => tenancy.reinstateTenant('nobody', 'x', { by: operator })],
  ] as const)('cannot %s a tenant that does not exist', async (_, attempt) => {
    expect((await refused(attempt)).code).toBe('not_found');
  });

  it('lists all by id, page by page, more than one read of the store can hold', async () => {
    const ids = Array.from({ length: 101 }, (_, index) => `t-${String(index).padStart(3, '0')}`);
    for (const id of ids.toReversed()) await tenancy.createTenant({ ...acme, id }, operator);
    await tenancy.suspendTenant('t-050', 'unpaid', { by: operator });
    const first = await tenancy.listTenants({ limit: 200 });
    const second = await tenancy.listTenants({ limit: 200, cursor: first.cursor ?? 'missing' });
    expect(first.items).toHaveLength(100);
    expect([...first.items, ...second.items].map(({ value }) => value.id)).toEqual(ids);
    expect(second.cursor).toBeUndefined();
    expect(first.items[50]?.value.status).toBe('suspended');
  });
});
