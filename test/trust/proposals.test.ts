import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  exchange,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const of = (owner: `tenant:${string}` | `provider:${string}`): Principal => ({
  kind: 'client',
  clientId: `ops-of-${owner}`,
  owner,
  scopes: ['trust:write'],
});
const skyways = of('provider:skyways');
const northpay = of('provider:northpay');
const sides = { from: 'provider:skyways', to: 'provider:northpay' } as const;

describe.each(engines)('an agreement that one side proposes, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  const onward = async () => {
    const received = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
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

  it.each([
    ['who passes on', skyways, northpay],
    ['who receives', northpay, skyways],
  ])('by the one %s, binds nobody until the other accepts', async (_, proposer, other) => {
    const terms = { maxDepth: 3, residency: ['eu'], priceReference: 'contract 7, annex B' };
    const proposed = await world.trust.makeAgreement({ ...sides, ...terms }, proposer);
    expect(proposed).toMatchObject({ ...sides, ...terms, status: 'proposed' });
    expect(await refusal(onward())).toBe(missing);
    const own = await faultOf(world.store, () => world.trust.acceptAgreement(proposed.id, proposer));
    expect(own.code).toBe('forbidden');
    expect(await refusal(onward())).toBe(missing);
    const accepted = await world.trust.acceptAgreement(proposed.id, other);
    expect(accepted).toEqual({ ...proposed, status: 'active' });
    expect(await world.trust.acceptAgreement(proposed.id, other)).toEqual(accepted);
    expect((await trail(world.audit)).filter(({ action }) => action.startsWith('agreement.'))).toEqual([
      expect.objectContaining({ action: 'agreement.propose' }),
      expect.objectContaining({ action: 'agreement.accept' }),
    ]);
  });

  it('lets context pass once it is accepted, and may be accepted by the operator', async () => {
    const { id } = await world.trust.makeAgreement(sides, skyways);
    await world.trust.acceptAgreement(id, operator);
    expect((await onward()).token_type).toBe('Bearer');
  });

  it.each([
    ['declined by the other', northpay],
    ['withdrawn', skyways],
  ])('cannot be accepted once it is %s', async (_, by) => {
    const { id } = await world.trust.makeAgreement(sides, skyways);
    expect((await world.trust.revokeAgreement(id, 'no', by)).status).toBe('revoked');
    expect((await faultOf(world.store, () => world.trust.acceptAgreement(id, northpay))).code).toBe(
      'conflict',
    );
    expect(await refusal(onward())).toBe(missing);
  });

  it('cannot be accepted after its time', async () => {
    const { id } = await world.trust.makeAgreement({ ...sides, expiresAt: world.clock.now() + 1 }, skyways);
    world.clock.advance(1);
    expect((await faultOf(world.store, () => world.trust.acceptAgreement(id, northpay))).code).toBe(
      'conflict',
    );
  });

  it('is nobody else’s: not to make, to read, to accept, to end', async () => {
    const { id } = await world.trust.makeAgreement(sides, skyways);
    const stranger = of('provider:stranger');
    const tenant = of('tenant:acme');
    for (const by of [stranger, tenant]) {
      expect((await faultOf(world.store, () => world.trust.makeAgreement(sides, by))).code).toBe('forbidden');
      for (const attempt of [
        (name: string) => world.trust.readAgreement(name, by),
        (name: string) => world.trust.acceptAgreement(name, by),
        (name: string) => world.trust.revokeAgreement(name, 'mischief', by),
      ])
        for (const name of [id, 'agr_none'])
          expect(await faultOf(world.store, () => attempt(name))).toMatchObject({
            code: 'not_found',
            message: `There is no agreement ${name}.`,
          });
    }
    expect(await world.trust.readAgreement(id, northpay)).toMatchObject({ ...sides, status: 'proposed' });
  });

  it('does not tell who else there is', async () => {
    const nobody = await world.trust.makeAgreement({ ...sides, to: 'provider:nobody' }, skyways);
    const known = await world.trust.makeAgreement(sides, skyways);
    expect({ ...nobody, id: '', to: '' }).toEqual({ ...known, id: '', to: '' });
    const accepted = await faultOf(world.store, () => world.trust.acceptAgreement(nobody.id, operator));
    expect(accepted.code).toBe('unknown_party');
    const fault = await faultOf(world.store, () =>
      world.trust.makeAgreement({ from: 'tenant:acme', to: 'provider:skyways' }, skyways),
    );
    expect(fault.code).toBe('forbidden');
  });

  it('waits beside nine others at most', async () => {
    for (let n = 0; n < 10; n++) await world.trust.makeAgreement(sides, skyways);
    const fault = await faultOf(world.store, () => world.trust.makeAgreement(sides, skyways));
    expect(fault.code).toBe('conflict');
    expect((await world.trust.makeAgreement(sides, northpay)).status).toBe('proposed');
    const { items } = await world.trust.listAgreements({ limit: 50 }, skyways);
    await world.trust.revokeAgreement(items[0]?.value.id ?? '', 'old', skyways);
    expect((await world.trust.makeAgreement(sides, skyways)).status).toBe('proposed');
  });

  it('of two who answer at the same moment one is told to look again', async () => {
    const { id } = await world.trust.makeAgreement(sides, skyways);
    world.store.beforeNextCommit(() => world.trust.revokeAgreement(id, 'no', skyways));
    await expect(world.trust.acceptAgreement(id, northpay)).rejects.toMatchObject({ code: 'conflict' });
    expect(await refusal(onward())).toBe(missing);
  });

  it('cannot be made to endless names', async () => {
    const to = (n: number) => ({ from: 'provider:skyways', to: `provider:nobody-${n}` }) as const;
    const made = await Promise.all(
      Array.from({ length: 200 }, (_, n) => world.trust.makeAgreement(to(n), skyways)),
    );
    const fault = await faultOf(world.store, () => world.trust.makeAgreement(to(200), skyways));
    expect([fault.code, fault.message]).toEqual(['conflict', expect.stringContaining('200 proposals')]);
    await world.trust.revokeAgreement(made[0]?.id ?? '', 'withdrawn', skyways);
    expect(await world.trust.makeAgreement(to(200), skyways)).toMatchObject({ status: 'proposed' });
  });
});
