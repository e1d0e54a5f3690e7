import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallContext } from '../../src/trust/index.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  exchange,
  jwksOf,
  passOn,
  type Program,
  refusal,
  subscribe,
} from './cast.ts';
import { type Cast, cases } from './standing-cases.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const by = { by: operator };

describe.each(engines)('what a chain rests on, on $name', (engine) => {
  let world: TrustWorld;
  let cast: Cast;
  let flights: CastAgent;
  let payments: CastAgent;
  let forFlights: Awaited<ReturnType<typeof exchange>>;
  let live: CallContext;

  beforeEach(async () => {
    world = await openTrust(engine);
    const acme = await addTenant(world, 'acme');
    const concierge = await addAgent(world, 'helpers/concierge');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, concierge, flights, payments);
    await world.registry.admitProvider({ id: 'portals', name: 'Portals' }, operator);
    const portal = await addClient(world, {
      id: 'portals-app',
      owner: 'provider:portals',
      issuerClientIds: { [acme.issuer]: 'portal' },
    });
    const toConcierge = await world.trust.makeAgreement(
      { from: 'provider:portals', to: 'provider:helpers' },
      operator,
    );
    const [toFlights, toPayments] = [
      await agree(world, concierge, flights),
      await agree(world, flights, payments),
    ];
    const agreements = { concierge: toConcierge.id, flights: toFlights.id, payments: toPayments.id };
    cast = { world, acme, portal, agreements };

    const token = await acme.idToken({ aud: 'portal' });
    const forConcierge = await exchange(world, portal, token, { audience: concierge.id });
    forFlights = await passOn(world, concierge, forConcierge, { audience: flights.id });
    const forPayments = await passOn(world, flights, forFlights, { audience: payments.id });
    const call = await world.trust.verifyCallToken(forPayments.access_token, payments.id);
    if (!call.ok) throw new Error(call.error);
    live = call.value;
  });
  afterEach(() => world.dispose());

  it('stands as long as nothing is taken away', async () => {
    const standing = await world.trust.checkStanding(live);
    expect(standing.ok && standing.value).toMatchObject({
      tenant: { id: 'acme' },
      subscription: { agent: payments.id },
      agent: { id: payments.id },
    });
    expect((await passOn(world, flights, forFlights, { audience: payments.id })).token_type).toBe('Bearer');
  });

  it.each(cases)('ends when $name', async ({ take, live: problem, exchange: refused }) => {
    await take(cast);
    expect(await world.trust.checkStanding(live)).toEqual({ ok: false, error: problem });
    expect(await refusal(passOn(world, flights, forFlights, { audience: payments.id }))).toBe(refused);
  });

  it.each(['revoked', 'gone'])('ends when a delegation before is %s', async (how) => {
    const [first = ''] = live.delegation.chain.delegations;
    const place = { partition: `delegation#${first}`, sort: 'delegation' };
    const value = { ...(await world.trust.findDelegation(first)), revokedAt: 1 };
    await world.store.commit([how === 'gone' ? { op: 'delete', ...place } : { op: 'put', ...place, value }]);
    expect(await world.trust.checkStanding(live)).toEqual({ ok: false, error: 'TENANT_CONTEXT_INVALID' });
    expect(await refusal(passOn(world, flights, forFlights, { audience: payments.id }))).toBe(
      'invalid_request token_revoked',
    );
  });

  describe('ends on its date', () => {
    const inTwoSeconds = () => world.clock.now() + 2000;
    let trains: CastAgent;
    /** A call of globex’ user, for trains, through flights. */
    const callOf = async (globex: CastTenant, app: Program) => {
      const received = await exchange(world, app, await globex.idToken(), { audience: flights.id });
      const answer = await passOn(world, flights, received, { audience: trains.id });
      const call = await world.trust.verifyCallToken(answer.access_token, trains.id);
      if (!call.ok) throw new Error(call.error);
      return call.value;
    };
    const globexWith = async (what: 'subscription' | 'agreement' | 'issuer') => {
      const globex = await addTenant(world, 'globex');
      trains = await addAgent(world, 'railways/trains');
      const expiresAt = inTwoSeconds();
      await subscribe(world, globex, flights);
      await world.tenancy.subscribe(
        'globex',
        { agent: trains.id, ...(what === 'subscription' ? { expiresAt } : {}) },
        operator,
      );
      await agree(world, flights, trains, what === 'agreement' ? { expiresAt } : {});
      if (what !== 'issuer') return callOf(globex, globex.app);
      const issuer = 'https://login2.globex.example';
      await world.trust.registerIssuer(
        'tenant:globex',
        { issuer, jwks: jwksOf(globex.idp), expiresAt },
        operator,
      );
      const app = await addClient(world, {
        id: 'globex-app-2',
        owner: 'tenant:globex',
        issuerClientIds: { [issuer]: 'app' },
      });
      return callOf({ ...globex, idToken: () => globex.idToken({ iss: issuer }) }, app);
    };

    it.each([
      ['subscription', 'NOT_SUBSCRIBED'],
      ['agreement', 'AGREEMENT_REVOKED'],
      ['issuer', 'TENANT_CONTEXT_INVALID'],
    ] as const)('of the %s', async (what, error) => {
      const call = await globexWith(what);
      world.clock.advance(1999);
      expect((await world.trust.checkStanding(call)).ok).toBe(true);
      world.clock.advance(1);
      expect(await world.trust.checkStanding(call)).toEqual({ ok: false, error });
    });
  });

  it('does not begin for a program whose company is suspended', async () => {
    await world.registry.setProviderStatus('portals', 'suspended', 'trouble', by);
    const token = await cast.acme.idToken({ aud: 'portal' });
    expect(await refusal(exchange(world, cast.portal, token, { audience: 'helpers/concierge' }))).toBe(
      'unauthorized_client client_owner_not_active',
    );
  });

  it('stands again when what was taken away comes back', async () => {
    await world.tenancy.suspendTenant('acme', 'unpaid', by);
    expect((await world.trust.checkStanding(live)).ok).toBe(false);
    await world.tenancy.reinstateTenant('acme', 'paid', by);
    expect((await world.trust.checkStanding(live)).ok).toBe(true);
  });
});
