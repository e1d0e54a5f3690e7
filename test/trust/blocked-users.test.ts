import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('a blocked user, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let globex: CastTenant;
  let flights: CastAgent;
  const blocked = 'invalid_request subject_user_blocked';
  const get = async (tenant: CastTenant, sub = 'user-1') =>
    exchange(world, tenant.app, await tenant.idToken({ sub }), { audience: flights.id });
  const user = (tenant: CastTenant, subject = 'user-1') => ({ issuer: tenant.issuer, subject });

  beforeEach(async () => {
    world = await openTrust(engine);
    [acme, globex] = [await addTenant(world, 'acme'), await addTenant(world, 'globex')];
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
    await subscribe(world, globex, flights);
  });
  afterEach(() => world.dispose());

  it('gets nothing, at once; others of the tenant, and the same name elsewhere, go on', async () => {
    const answer = await get(acme);
    const call = await world.trust.verifyCallToken(answer.access_token, flights.id);
    if (!call.ok) throw new Error(call.error);
    expect((await world.trust.checkStanding(call.value)).ok).toBe(true);
    await world.trust.blockUser('acme', user(acme), 'left', operator);
    expect(await refusal(get(acme))).toBe(blocked);
    expect(await world.trust.checkStanding(call.value)).toEqual({
      ok: false,
      error: 'TENANT_CONTEXT_INVALID',
    });
    expect((await get(acme, 'user-2')).token_type).toBe('Bearer');
    expect((await get(globex)).token_type).toBe('Bearer');
    await world.trust.unblockUser('acme', user(acme), 'is back', operator);
    expect((await get(acme)).token_type).toBe('Bearer');
    expect((await world.trust.checkStanding(call.value)).ok).toBe(true);
  });

  it('can be named as a provider knows it', async () => {
    const { sub = '' } = await claimsOf(world, await get(acme));
    const named = { provider: 'skyways', sub };
    const made = await world.trust.blockUser('acme', named, 'abuse', operator);
    expect(made).toMatchObject({ ...user(acme), tenant: 'acme', reason: 'abuse' });
    expect(await refusal(get(acme))).toBe(blocked);
    await world.trust.unblockUser('acme', named, 'cleared', operator);
    expect((await get(acme)).token_type).toBe('Bearer');
  });

  it('of another tenant is like one whom nobody knows', async () => {
    const { sub = '' } = await claimsOf(world, await get(globex));
    const attempts = [
      { provider: 'skyways', sub },
      { provider: 'skyways', sub: `v1.${'A'.repeat(43)}` },
    ].map((name) => faultOf(world.store, () => world.trust.blockUser('acme', name, 'mischief', operator)));
    const [theirs, nobodys] = await Promise.all(attempts);
    expect(theirs).toMatchObject({ code: 'not_found', message: nobodys?.message });
    expect((await get(globex)).token_type).toBe('Bearer');
  });

  it('has to be one of an issuer of the tenant, so that a mistyped one is seen', async () => {
    for (const issuer of [globex.issuer, `${acme.issuer}/`]) {
      const fault = await faultOf(world.store, () =>
        world.trust.blockUser('acme', { issuer, subject: 'user-1' }, 'left', operator),
      );
      expect(fault.code).toBe('unknown_issuer');
    }
    const never = () => world.trust.unblockUser('acme', user(acme), 'was not', operator);
    expect((await faultOf(world.store, never)).code).toBe('not_found');
  });

  it('is listed to its tenant, and in the audit log without its name', async () => {
    await world.trust.blockUser('acme', user(acme, 'jane'), 'left', operator);
    expect((await world.trust.blockUser('acme', user(acme, 'jane'), 'again', operator)).reason).toBe('left');
    const { items } = await world.trust.listBlockedUsers('acme', { limit: 10 });
    expect(items.map(({ value }) => value)).toEqual([
      {
        ...user(acme, 'jane'),
        id: expect.any(String) as string,
        tenant: 'acme',
        reason: 'left',
        blockedAt: world.clock.now(),
      },
    ]);
    expect((await world.trust.listBlockedUsers('globex', { limit: 10 })).items).toEqual([]);
    const entries = (await trail(world.audit)).filter(({ action }) => action.startsWith('user.'));
    expect(entries).toEqual([
      expect.objectContaining({ action: 'user.block', actor: 'operator', tenant: 'acme', reason: 'left' }),
    ]);
    expect(JSON.stringify(entries)).not.toContain('jane');
  });

  it('stays blocked when the tenant is changed, and of two at the same moment one is told to try again', async () => {
    await world.trust.blockUser('acme', user(acme), 'left', operator);
    await world.tenancy.updateTenant('acme', { tier: 'premium' }, { by: operator });
    expect(await refusal(get(acme))).toBe(blocked);
    world.store.beforeNextCommit(() => world.trust.blockUser('globex', user(globex), 'first', operator));
    await expect(world.trust.blockUser('globex', user(globex), 'second', operator)).rejects.toMatchObject({
      code: 'conflict',
    });
  });
});
