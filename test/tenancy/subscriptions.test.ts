import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLive, type Subscription } from '../../src/tenancy/index.ts';
import { engines } from '../support/stores.ts';
import { client } from './surface.ts';
import { openTenancy, operator, type TenancyWorld } from './setup.ts';
import { refusal, trail } from './watched-store.ts';

const agent = 'skyways/flights';

describe.each(engines)('subscriptions on $name', (engine) => {
  let world: TenancyWorld;
  let tenancy: TenancyWorld['tenancy'];
  beforeEach(async () => {
    world = await openTenancy(engine);
    ({ tenancy } = world);
    await tenancy.createTenant({ id: 'acme', name: 'Acme', tier: 'standard' }, operator);
  });
  afterEach(() => world.dispose());

  const refused = (attempt: () => Promise<unknown>) => refusal(world.store, attempt);
  const subscribe = (input: Partial<Parameters<typeof tenancy.subscribe>[1]> = {}, tenant = 'acme') =>
    tenancy.subscribe(tenant, { agent, ...input }, operator);
  const listed = async (tenant = 'acme') =>
    (await tenancy.listSubscriptions(tenant, { limit: 50 })).items.map(({ value }) => value);
  const since = async (count: number) => (await trail(world.audit)).slice(count);

  describe('subscribing', () => {
    it('takes all that the agent publishes at that moment, and says so in the audit', async () => {
      const by = client('tenant:acme', 'tenancy:write');
      const made = await tenancy.subscribe('acme', { agent }, by);
      expect(made).toEqual({
        id: expect.stringMatching(/^sub_[0-9a-f]{32}$/),
        tenant: 'acme',
        agent,
        scopes: ['a2a:invoke', 'a2a:read', 'flights:book'],
        approver: 'client-of-tenant-acme',
        status: 'active',
        createdAt: world.clock.now(),
      });
      world.offered.set(agent, ['a2a:invoke', 'flights:everything']);
      expect(await tenancy.findSubscription('acme', agent)).toEqual(made);
      expect(await since(1)).toEqual([
        {
          action: 'subscription.create',
          outcome: 'allowed',
          actor: 'client-of-tenant-acme',
          tenant: 'acme',
          provider: 'skyways',
          agent,
          detail: { subscription: made.id, scopes: made.scopes, plan: null, approver: made.approver },
        },
      ]);
    });

    it('keeps a narrower choice and everything else that was given', async () => {
      const input = {
        plan: 'metered',
        scopes: ['a2a:read'],
        audTenant: 'ACME-0042',
        approver: 'Ada',
        expiresAt: world.clock.now() + 1,
      };
      expect(await subscribe(input)).toMatchObject(input);
      expect(await tenancy.findSubscription('acme', agent)).toMatchObject(input);
      expect((await since(1))[0]?.detail).toMatchObject({
        plan: 'metered',
        scopes: ['a2a:read'],
        approver: 'Ada',
      });
    });

    it.each([
      ['a tenant that does not exist', 'not_found', {}, 'nobody'],
      ['an agent that is not on offer', 'agent_not_offered', { agent: 'skyways/secret' }, 'acme'],
      ['a scope that is not published', 'scope_not_offered', { scopes: ['a2a:read', 'admin'] }, 'acme'],
      ['a plan that does not exist', 'unknown_plan', { plan: 'free-for-all' }, 'acme'],
    ] as const)('refuses %s', async (_, code, input, tenant) => {
      expect((await refused(() => subscribe(input, tenant))).code).toBe(code);
      expect(await listed(tenant)).toEqual([]);
    });

    it.each([-1, 0])('refuses an end %i ms from now', async (offset) => {
      const fault = await refused(() => subscribe({ expiresAt: world.clock.now() + offset }));
      expect(fault).toMatchObject({ code: 'invalid_request', fields: [{ path: '/expiresAt' }] });
    });

    it('refuses a second one beside a live one', async () => {
      const first = await subscribe({ scopes: ['a2a:read'] });
      expect((await refused(() => subscribe({ scopes: ['flights:book'] }))).code).toBe('conflict');
      expect(await listed()).toEqual([first]);
    });

    it('replaces a cancelled one', async () => {
      const first = await subscribe({ plan: 'metered' });
      await tenancy.cancelSubscription('acme', first.id, operator);
      const second = await subscribe();
      expect(second.id).not.toBe(first.id);
      expect(second).not.toHaveProperty('plan');
      expect(await listed()).toEqual([second]);
      const again = () => tenancy.cancelSubscription('acme', first.id, operator);
      expect((await refused(again)).code).toBe('not_found');
    });

    it('replaces an expired one, from the very millisecond', async () => {
      const first = await subscribe({ expiresAt: world.clock.now() + 1000 });
      world.clock.advance(999);
      expect((await refused(() => subscribe())).code).toBe('conflict');
      world.clock.advance(1);
      const second = await subscribe();
      expect(second.id).not.toBe(first.id);
      expect(await listed()).toEqual([second]);
    });

    it('gives way when the tenant changed meanwhile', async () => {
      world.store.beforeNextCommit(() => tenancy.suspendTenant('acme', 'unpaid', { by: operator }));
      await expect(subscribe()).rejects.toMatchObject({ code: 'conflict' });
      expect(await listed()).toEqual([]);
      expect((await since(1)).map(({ action }) => action)).toEqual(['tenant.suspend']);
    });

    it('gives way to another subscription that was faster', async () => {
      const faster: Subscription[] = [];
      world.store.beforeNextCommit(async () => faster.push(await subscribe({ scopes: ['a2a:read'] })));
      await expect(subscribe()).rejects.toMatchObject({ code: 'conflict' });
      expect(faster).toHaveLength(1);
      expect(await listed()).toEqual(faster);
      expect(await since(1)).toHaveLength(1);
    });
  });

  describe('cancelling', () => {
    it('ends it, keeps the record, and says so in the audit', async () => {
      const made = await subscribe();
      const cancelled = await tenancy.cancelSubscription('acme', made.id, operator);
      expect(cancelled).toEqual({ ...made, status: 'cancelled', cancelledAt: world.clock.now() });
      expect(await tenancy.findSubscription('acme', agent)).toEqual(cancelled);
      expect((await since(2))[0]).toEqual({
        action: 'subscription.cancel',
        outcome: 'allowed',
        actor: 'operator',
        tenant: 'acme',
        provider: 'skyways',
        agent,
        detail: { subscription: made.id },
      });
    });

    it('does nothing the second time', async () => {
      const { id } = await subscribe();
      const first = await tenancy.cancelSubscription('acme', id, operator);
      const before = await world.store.snapshot();
      expect(await tenancy.cancelSubscription('acme', id, operator)).toEqual(first);
      expect(await world.store.snapshot()).toEqual(before);
    });

    it('does not reach into another tenant', async () => {
      await tenancy.createTenant({ id: 'acme-2', name: 'Other', tier: 'standard' }, operator);
      const { id } = await subscribe();
      const fault = await refused(() => tenancy.cancelSubscription('acme-2', id, operator));
      expect(fault.code).toBe('not_found');
      expect(isLive(await tenancy.findSubscription('acme', agent), world.clock.now())).toBe(true);
    });

    it('gives way to a cancellation that was faster, and is audited once', async () => {
      const { id } = await subscribe();
      world.store.beforeNextCommit(() => tenancy.cancelSubscription('acme', id, operator));
      await expect(tenancy.cancelSubscription('acme', id, operator)).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await since(2)).toHaveLength(1);
    });

    it('finds one behind more than a page of others', async () => {
      const agents = Array.from({ length: 201 }, (_, index) => `p/a-${String(index).padStart(3, '0')}`);
      for (const name of agents) world.offered.set(name, ['a2a:invoke']);
      for (const name of agents) await subscribe({ agent: name });
      const last = await tenancy.findSubscription('acme', agents.at(-1) ?? '');
      const cancelled = await tenancy.cancelSubscription('acme', last?.id ?? '', operator);
      expect(cancelled).toEqual({ ...last, status: 'cancelled', cancelledAt: world.clock.now() });
    });
  });

  describe('history', () => {
    const history = (tenant = 'acme', of = agent) => tenancy.subscriptionHistory(tenant, of);

    it('has every one there was, oldest first, as it ended', async () => {
      const first = await subscribe({ plan: 'metered' });
      world.clock.advance(5000);
      const cancelled = await tenancy.cancelSubscription('acme', first.id, operator);
      const second = await subscribe({ expiresAt: world.clock.now() + 1000 });
      world.clock.advance(1000);
      const third = await subscribe();
      expect(await history()).toEqual([cancelled, second, third]);
      expect(cancelled).toMatchObject({ createdAt: first.createdAt, cancelledAt: first.createdAt + 5000 });
    });

    it('is each tenant’s and each agent’s own', async () => {
      await tenancy.createTenant({ id: 'acme-2', name: 'Other', tier: 'standard' }, operator);
      world.offered.set('skyways/flights-2', ['a2a:invoke']);
      const own = await subscribe();
      await subscribe({ agent: 'skyways/flights-2' });
      await subscribe({}, 'acme-2');
      expect(await history()).toEqual([own]);
      expect(await history('acme', 'skyways/flight')).toEqual([]);
    });

    it('is told whole, however long it is', async () => {
      for (let turn = 0; turn < 105; turn++) {
        const { id } = await subscribe();
        await tenancy.cancelSubscription('acme', id, operator);
      }
      expect(await history()).toHaveLength(105);
    });
  });

  it('lists a tenant’s own, page by page, and nothing of one whose id starts the same', async () => {
    await tenancy.createTenant({ id: 'acme-2', name: 'Other', tier: 'standard' }, operator);
    for (const name of ['p/a', 'p/b', 'p/c']) world.offered.set(name, ['a2a:invoke']);
    for (const name of ['p/c', 'p/a', 'p/b']) await subscribe({ agent: name });
    await subscribe({}, 'acme-2');
    const first = await tenancy.listSubscriptions('acme', { limit: 2 });
    const second = await tenancy.listSubscriptions('acme', { limit: 2, cursor: first.cursor ?? 'missing' });
    expect([...first.items, ...second.items].map(({ value }) => value.agent)).toEqual(['p/a', 'p/b', 'p/c']);
    expect(second.cursor).toBeUndefined();
  });
});

describe('isLive', () => {
  const base: Subscription = {
    id: 'sub_1',
    tenant: 'acme',
    agent,
    scopes: [],
    approver: 'operator',
    status: 'active',
    createdAt: 0,
  };
  it.each([
    ['nothing', undefined, false],
    ['an active one without end', base, true],
    ['an active one a moment before its end', { ...base, expiresAt: 1001 }, true],
    ['an active one at its end', { ...base, expiresAt: 1000 }, false],
    ['a cancelled one', { ...base, status: 'cancelled' as const }, false],
  ])('judges %s', (_, subscription, live) => {
    expect(isLive(subscription, 1000)).toBe(live);
  });
});
