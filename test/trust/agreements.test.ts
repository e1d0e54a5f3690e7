import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  exchange,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('agreements between companies, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  /** The agent for flights was called for the tenant, and asks for payments. */
  const onward = async (tenant: CastTenant = acme) => {
    const received = await exchange(world, tenant.app, await tenant.idToken(), { audience: flights.id });
    return passOn(world, flights, received, { audience: payments.id });
  };
  const missing = 'invalid_target agreement_missing';

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, payments);
  });
  afterEach(() => world.dispose());

  it('without one nothing is passed on', async () => {
    expect(await refusal(onward())).toBe(missing);
  });

  it('goes one way', async () => {
    await agree(world, payments, flights);
    expect(await refusal(onward())).toBe(missing);
    await agree(world, flights, payments);
    expect((await onward()).token_type).toBe('Bearer');
  });

  it('is for the tenants that it names', async () => {
    const globex = await addTenant(world, 'globex');
    await subscribe(world, globex, flights, payments);
    await agree(world, flights, payments, { tenants: ['globex'] });
    expect(await refusal(onward())).toBe(missing);
    expect((await onward(globex)).token_type).toBe('Bearer');
  });

  it('costs no more when there are many for other tenants, or many that were revoked', async () => {
    const read: string[] = [];
    await world.dispose();
    world = await openTrust(engine, {
      wrap: (store) => ({
        ...store,
        getMany: (keys, options) => {
          read.push(...keys.map(({ partition }) => partition));
          return store.getMany(keys, options);
        },
      }),
    });
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, payments);
    for (let n = 0; n < 5; n++) {
      await agree(world, flights, payments, { tenants: [`other-${n}`] });
      const { id } = await agree(world, flights, payments);
      await world.trust.revokeAgreement(id, 'test', operator);
    }
    const { id } = await agree(world, flights, payments, { tenants: ['acme', 'other-9'] });
    read.length = 0;
    await onward();
    const agreements = new Set(read.filter((partition) => partition.startsWith('agreement#')));
    expect([...agreements]).toEqual([`agreement#${id}`]);
  });

  it('may name more tenants than are looked up one by one', async () => {
    const tenants = ['acme', ...Array.from({ length: 60 }, (_, n) => `tenant-${n}`)];
    const { id } = await agree(world, flights, payments, { tenants });
    expect((await onward()).token_type).toBe('Bearer');
    const globex = await addTenant(world, 'globex');
    await subscribe(world, globex, flights, payments);
    expect(await refusal(onward(globex))).toBe(missing);
    await world.trust.revokeAgreement(id, 'test', operator);
    expect(await refusal(onward())).toBe(missing);
  });

  it('ends when it says', async () => {
    await agree(world, flights, payments, { expiresAt: world.clock.now() + 60_000 });
    expect((await onward()).token_type).toBe('Bearer');
    world.clock.advance(59_999);
    expect((await onward()).token_type).toBe('Bearer');
    world.clock.advance(1);
    expect(await refusal(onward())).toBe(missing);
  });

  it('ends at once when it is revoked, for tokens that rest on it as well', async () => {
    const agreement = await agree(world, flights, payments);
    const issued = await onward();
    const call = await world.trust.verifyCallToken(issued.access_token, payments.id);
    if (!call.ok) throw new Error(call.error);
    expect((await world.trust.checkStanding(call.value)).ok).toBe(true);
    await world.trust.revokeAgreement(agreement.id, 'breach', operator);
    expect(await refusal(onward())).toBe(missing);
    expect(await world.trust.checkStanding(call.value)).toEqual({ ok: false, error: 'AGREEMENT_REVOKED' });
    const further = await addAgent(world, 'northpay/ledger');
    await subscribe(world, acme, further);
    expect(await refusal(passOn(world, payments, issued, { audience: further.id }))).toBe(
      'invalid_request token_revoked',
    );
  });

  it('of several the newest that fits counts', async () => {
    await agree(world, flights, payments, { scopes: ['a2a:read'] });
    expect((await onward()).scope).toBe('a2a:read');
    await agree(world, flights, payments, { scopes: ['a2a:invoke'] });
    expect((await onward()).scope).toBe('a2a:invoke');
    const newest = await agree(world, flights, payments);
    await world.trust.revokeAgreement(newest.id, 'too wide', operator);
    expect((await onward()).scope).toBe('a2a:invoke');
  });

  it('is found however many there are, such as one for each tenant', async () => {
    await agree(world, flights, payments, { tenants: ['acme'] });
    const others = Array.from({ length: 101 }, (_, index) => ({ tenants: [`tenant-${index}`] }));
    await Promise.all(others.map((terms) => agree(world, flights, payments, terms)));
    expect((await onward()).token_type).toBe('Bearer');
  });

  describe('are made and ended', () => {
    const skyways: Principal = {
      kind: 'client',
      clientId: 'skyways-ops',
      owner: 'provider:skyways',
      scopes: ['trust:write'],
    };
    const stranger: Principal = { ...skyways, clientId: 'other-ops', owner: 'provider:other' };

    it('with all their terms, in the audit log', async () => {
      const expiresAt = world.clock.now() + 1000;
      const terms = { scopes: ['a2a:read'], maxDepth: 2, tenants: ['acme'], expiresAt };
      const made = await agree(world, flights, payments, terms);
      expect(made).toMatchObject({
        id: expect.stringMatching(/^agr_/),
        from: 'provider:skyways',
        to: 'provider:northpay',
        ...terms,
        status: 'active',
        createdAt: world.clock.now(),
      });
      const revoked = await world.trust.revokeAgreement(made.id, 'breach', skyways);
      expect(revoked).toEqual({ ...made, status: 'revoked', reason: 'breach' });
      expect((await trail(world.audit)).filter(({ action }) => action.startsWith('agreement.'))).toEqual([
        expect.objectContaining({ action: 'agreement.make', actor: 'operator', provider: 'skyways' }),
        expect.objectContaining({ action: 'agreement.revoke', actor: 'skyways-ops', reason: 'breach' }),
      ]);
    });

    it.each([
      ['with itself', 'provider:skyways', 'provider:skyways', {}, 'invalid_request'],
      ['with a stranger', 'provider:skyways', 'provider:nobody', {}, 'unknown_party'],
      ['of a stranger', 'tenant:nobody', 'provider:skyways', {}, 'unknown_party'],
      ['that is over already', 'provider:skyways', 'provider:northpay', { expiresAt: 1 }, 'invalid_request'],
    ] as const)('but not %s', async (_, from, to, terms, code) => {
      const fault = await faultOf(world.store, () =>
        world.trust.makeAgreement({ from, to, ...terms }, operator),
      );
      expect(fault.code).toBe(code);
    });

    it('by either side, and by nobody else, who does not learn that they exist', async () => {
      const made = await agree(world, flights, payments);
      const refused = await faultOf(world.store, () =>
        world.trust.revokeAgreement(made.id, 'mischief', stranger),
      );
      const unknown = await faultOf(world.store, () =>
        world.trust.revokeAgreement('agr_none', 'mischief', stranger),
      );
      expect([refused.code, unknown.code]).toEqual(['not_found', 'not_found']);
      expect((await world.trust.listAgreements({ limit: 10 }, stranger)).items).toEqual([]);
      expect((await world.trust.listAgreements({ limit: 10 }, skyways)).items).toHaveLength(1);
    });

    it('once: the first reason stays', async () => {
      const made = await agree(world, flights, payments);
      await world.trust.revokeAgreement(made.id, 'first', operator);
      expect((await world.trust.revokeAgreement(made.id, 'second', operator)).reason).toBe('first');
    });

    it('and of two who revoke at the same moment one is told to look again', async () => {
      const made = await agree(world, flights, payments);
      world.store.beforeNextCommit(() => world.trust.revokeAgreement(made.id, 'faster', operator));
      await expect(world.trust.revokeAgreement(made.id, 'slower', operator)).rejects.toMatchObject({
        code: 'conflict',
      });
    });
  });
});
