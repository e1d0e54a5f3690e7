import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  ask,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  passOn,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('an agent that passes on what it was called with, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let concierge: CastAgent;
  let flights: CastAgent;
  let payments: CastAgent;
  const call = async (audience: string, form: Record<string, string> = {}) =>
    exchange(world, acme.app, await acme.idToken(), { audience, ...form });

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    concierge = await addAgent(world, 'helpers/concierge');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, concierge, flights, payments);
    await agree(world, concierge, flights);
    await agree(world, flights, payments);
  });
  afterEach(() => world.dispose());

  it('keeps tenant and transaction, and puts itself in front of the actors before it', async () => {
    const first = await call(concierge.id);
    const second = await passOn(world, concierge, first, { audience: flights.id });
    const third = await passOn(world, flights, second, { audience: payments.id });
    const [one, two, three] = await Promise.all([first, second, third].map((hop) => claimsOf(world, hop)));
    const app = { iss: brokerUrl, sub: 'acme-app', client_id: 'acme-app' };
    const viaConcierge = { iss: brokerUrl, sub: 'helpers-concierge', client_id: 'helpers-concierge' };
    const viaFlights = { iss: brokerUrl, sub: 'skyways-flights', client_id: 'skyways-flights' };
    expect([one?.['act'], two?.['act'], three?.['act']]).toEqual([
      app,
      { ...viaConcierge, act: app },
      { ...viaFlights, act: { ...viaConcierge, act: app } },
    ]);
    expect(three).toMatchObject({
      iss: brokerUrl,
      aud: `${brokerUrl}/a2a/northpay/payments`,
      client_id: 'skyways-flights',
      tenant: 'acme',
      txn: one?.['txn'],
      tctx: one?.['tctx'],
      exp: one?.exp,
    });
    expect(new Set([one, two, three].map((claims) => claims?.jti)).size).toBe(3);
    expect(new Set([one, two, three].map((claims) => claims?.sub)).size).toBe(3);
  });

  it('gives a provider the same subject over whichever chain its user comes', async () => {
    const direct = await claimsOf(world, await call(flights.id));
    const second = await passOn(world, concierge, await call(concierge.id), { audience: flights.id });
    expect((await claimsOf(world, second)).sub).toBe(direct.sub);
  });

  it('gives each provider its own name of the tenant', async () => {
    const globex = await addTenant(world, 'globex');
    await world.tenancy.subscribe('globex', { agent: concierge.id, audTenant: 'H-1' }, operator);
    await world.tenancy.subscribe('globex', { agent: flights.id, audTenant: 'S-1' }, operator);
    const first = await exchange(world, globex.app, await globex.idToken(), { audience: concierge.id });
    const second = await passOn(world, concierge, first, { audience: flights.id });
    expect((await claimsOf(world, first))['aud_tenant']).toBe('H-1');
    expect((await claimsOf(world, second))['aud_tenant']).toBe('S-1');
  });

  it('keeps the chain of delegations, clients, agents and agreements that it rests on', async () => {
    const first = await call(concierge.id);
    const second = await passOn(world, concierge, first, { audience: flights.id });
    const [parent, child] = await Promise.all([
      world.trust.verifyCallToken(first.access_token, concierge.id),
      world.trust.verifyCallToken(second.access_token, flights.id),
    ]);
    const agreements = await world.trust.listAgreements({ limit: 10 }, operator);
    const between = agreements.items.find(({ value }) => value.to === 'provider:skyways');
    expect(child.ok && child.value.delegation).toMatchObject({
      parent: parent.ok && parent.value.delegation.id,
      depth: 2,
      origin: { issuer: acme.issuer, subject: 'user-1' },
      chain: {
        delegations: [parent.ok && parent.value.delegation.id],
        clients: ['acme-app', 'helpers-concierge'],
        agents: [concierge.id, flights.id],
        agreements: [between?.value.id],
      },
    });
  });

  it('gets no longer life than what it passes on has left', async () => {
    const first = await call(concierge.id);
    world.clock.advance(120_000);
    const second = await passOn(world, concierge, first, { audience: flights.id });
    expect(second.expires_in).toBe(180);
    expect((await claimsOf(world, second)).exp).toBe(epochSeconds(world.clock) + 180);
    world.clock.advance(179_000);
    expect((await passOn(world, concierge, first, { audience: flights.id })).expires_in).toBe(1);
    world.clock.advance(1_000);
    expect(await refusal(passOn(world, concierge, first, { audience: flights.id }))).toBe(
      'invalid_request token_expired',
    );
  });

  it('is the very agent that the token is for', async () => {
    const first = await call(concierge.id);
    expect(await refusal(passOn(world, flights, first, { audience: payments.id }))).toBe(
      'invalid_request token_audience_wrong',
    );
    const other = await addClient(world, { id: 'helpers-batch', owner: 'provider:helpers' });
    expect(
      await refusal(passOn(world, { ...concierge, program: other }, first, { audience: flights.id })),
    ).toBe('invalid_request token_audience_wrong');
    expect(
      await refusal(passOn(world, { ...concierge, program: acme.app }, first, { audience: flights.id })),
    ).toBe('invalid_request token_audience_wrong');
  });

  it('may pass on the token that the gateway re-issued for its deployment', async () => {
    const first = await call(concierge.id);
    const received = await world.trust.verifyCallToken(first.access_token, concierge.id);
    if (!received.ok) throw new Error(received.error);
    const standing = await world.trust.checkStanding(received.value);
    const deployment = standing.ok ? standing.value.agent.deployments[0] : undefined;
    if (!standing.ok || deployment === undefined) throw new Error('no deployment');
    const upstream = await world.trust.upstreamToken(received.value, standing.value, deployment);
    const second = await passOn(
      world,
      concierge,
      { ...first, access_token: upstream.token },
      { audience: flights.id },
    );
    const [one, two] = await Promise.all([claimsOf(world, first), claimsOf(world, second)]);
    expect(two).toMatchObject({ txn: one['txn'], act: { sub: 'helpers-concierge', act: one['act'] } });
  });

  it('sends broker tokens as access tokens, not as anything else', async () => {
    const first = await call(concierge.id);
    for (const type of [tokenType.idToken, tokenType.jwt])
      expect(
        await refusal(passOn(world, concierge, first, { audience: flights.id, subject_token_type: type })),
      ).toBe('invalid_request subject_type_wrong');
  });

  it('cannot pass on a management token', async () => {
    const program = await addClient(world, {
      id: 'helpers-ops',
      owner: 'provider:helpers',
      agent: concierge.id,
      grantTypes: ['client_credentials'],
      scopes: ['registry:read'],
    });
    const own = await ask(world, program, { grant_type: 'client_credentials' });
    expect(await refusal(passOn(world, concierge, own, { audience: flights.id }))).toBe(
      'invalid_request token_audience_wrong',
    );
  });

  it('cannot pass on a token that the broker has no record of', async () => {
    const first = await call(concierge.id);
    const received = await world.trust.verifyCallToken(first.access_token, concierge.id);
    const id = received.ok ? received.value.delegation.id : '';
    await world.store.commit([{ op: 'delete', partition: `delegation#${id}`, sort: 'delegation' }]);
    expect(await refusal(passOn(world, concierge, first, { audience: flights.id }))).toBe(
      'invalid_request token_audience_wrong',
    );
    expect(await world.trust.verifyCallToken(first.access_token, concierge.id)).toEqual({
      ok: false,
      error: 'token_revoked',
    });
  });

  it('needs the tenant to be subscribed to the next agent too', async () => {
    const trains = await addAgent(world, 'skyways/trains');
    const first = await call(concierge.id);
    expect(await refusal(passOn(world, concierge, first, { audience: trains.id }))).toBe(
      'invalid_target not_subscribed',
    );
    await subscribe(world, acme, trains);
    expect((await passOn(world, concierge, first, { audience: trains.id })).scope).toBe(
      'a2a:invoke a2a:read',
    );
  });

  it('needs no agreement within its own company', async () => {
    const booking = await addAgent(world, 'helpers/booking');
    await subscribe(world, acme, booking);
    const second = await passOn(world, concierge, await call(concierge.id), { audience: booking.id });
    expect((await claimsOf(world, second))['act']).toMatchObject({ act: { sub: 'acme-app' } });
  });
});
