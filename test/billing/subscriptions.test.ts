import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAudit } from '../../src/audit/index.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { createTenancy, type Tenancy } from '../../src/tenancy/index.ts';
import { engines } from '../support/stores.ts';
import { close, linesOf, perUnit, publishedTiers, report } from './books.ts';
import { day, newWorld, operator, type World } from './world.ts';

const agent = 'skyways/flights';

describe.each(engines)('the plan that prices usage, on $name', (engine) => {
  let world: World;
  let tenancy: Tenancy;
  beforeEach(async () => {
    world = await newWorld(engine);
    const { store, clock, billing } = world;
    tenancy = createTenancy({
      store,
      clock,
      ids: systemIds,
      audit: createAudit({ store, clock, ids: systemIds }),
      events: createEvents({ store, clock, ids: systemIds, brokerUrl: 'https://broker.example' }),
      agents: {
        publishedScopes: () => Promise.resolve(['a2a:invoke']),
        getProvider: () => Promise.resolve(undefined),
      },
      plans: { exists: (key) => billing.planExists(key) },
    });
    await tenancy.createTenant({ id: 'acme', name: 'Acme', tier: 'standard' }, operator);
    for (const [key, prices] of [
      ['one', [perUnit('tokens', '1')]],
      ['two', [perUnit('tokens', '2')]],
      ['tiers', [{ meter: 'tokens', model: 'graduated' as const, tiers: publishedTiers }]],
    ] as const)
      await billing.definePlan({ key, currency: 'USD', prices }, operator);
  });
  afterEach(() => world.dispose());

  /** Billing that asks the real tenancy. */
  const billed = () => world.reopen(world.store, tenancy);
  const subscribe = (plan?: string) =>
    tenancy.subscribe('acme', { agent, ...(plan === undefined ? {} : { plan }) }, operator);
  const change = async (id: string, plan?: string) => {
    await tenancy.cancelSubscription('acme', id, operator);
    return subscribe(plan);
  };
  const use = (id: string, tokens = '1', at = world.clock.now()) =>
    report(world, { id, at, quantities: { tokens } });

  it('is that of the subscription when it happened, not when it is billed', async () => {
    const first = await subscribe('one');
    await use('a', '3');
    world.clock.advance(day);
    const second = await change(first.id, 'two');
    await use('b', '3');
    await use('c', '4', second.createdAt);
    await use('d', '4', second.createdAt - 1);
    await close(world, '2026-01', billed());
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 7 700', '2026-01 tokens 7 1400']);
  });

  it('is still the one of a subscription that was cancelled, also for what it left behind', async () => {
    const { id } = await subscribe('two');
    await use('a');
    world.clock.advance(day);
    await tenancy.cancelSubscription('acme', id, operator);
    await use('ended-later', '1', world.clock.now() + 60_000);
    const { outcome } = await close(world, '2026-01', billed());
    expect(outcome).toMatchObject({ unpricedCount: 0 });
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 2 400']);
  });

  it('is none from the moment of a subscription without one', async () => {
    const { id } = await subscribe('one');
    await use('a', '5');
    world.clock.advance(day);
    await change(id);
    await use('b', '7');
    const { outcome } = await close(world, '2026-01', billed());
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 5 500']);
    expect(outcome?.unpriced).toEqual([
      { tenant: 'acme', agent, meter: 'tokens', quantity: '7', reason: 'no_plan' },
    ]);
  });

  it('goes on in its own tiers when it comes late, whatever the plan is by then', async () => {
    const first = await subscribe('tiers');
    const january = world.clock.now();
    await use('in-time', '6');
    await close(world, '2026-01', billed());
    const second = await change(first.id, 'two');
    await use('late', '14', january);
    await use('february', '1', second.createdAt);
    await close(world, '2026-02', billed());
    // 20 units are 127.50, of which 41.50 are billed.
    expect(await linesOf(world, '2026-02')).toEqual(['2026-01 tokens 20 8600', '2026-02 tokens 1 200']);
  });

  it('is the first one for what is dated a moment before it', async () => {
    const { createdAt } = await subscribe('two');
    await use('a', '1', createdAt - 20_000);
    await close(world, '2026-01', billed());
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 1 200']);
  });
});
