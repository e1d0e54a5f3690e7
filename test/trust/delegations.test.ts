import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  jwksOf,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const client = (owner: `tenant:${string}` | `provider:${string}`): Principal => ({
  kind: 'client',
  clientId: `ops-of-${owner}`,
  owner,
  scopes: ['trust:read', 'trust:write'],
});

describe.each(engines)('the tree of one chain of calls, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let hotels: CastAgent;
  let payments: CastAgent;
  let txn: string;
  /** What each link is, by its id. */
  let names: Map<string, string>;
  const page = { limit: 50 };

  const remember = async (name: string, answer: Awaited<ReturnType<typeof exchange>>) => {
    const claims = await claimsOf(world, answer);
    names.set(sha256(String(claims.jti)), name);
    txn = String(claims['txn']);
    return answer;
  };
  const idOf = (name: string) => [...names].find(([, known]) => known === name)?.[0] ?? '';
  const seenBy = async (by: Principal) =>
    (await world.trust.listDelegations(txn, page, by)).items.map(({ id }) => names.get(id) ?? id);

  /** user → flights → hotels → payments; and flights → payments. */
  beforeEach(async () => {
    world = await openTrust(engine);
    names = new Map();
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    hotels = await addAgent(world, 'lodging/hotels');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, hotels, payments);
    await agree(world, flights, hotels);
    await agree(world, flights, payments);
    await agree(world, hotels, payments);
    const first = await remember(
      'flights',
      await exchange(world, acme.app, await acme.idToken(), { audience: flights.id }),
    );
    const second = await remember('hotels', await passOn(world, flights, first, { audience: hotels.id }));
    await remember('hotels>payments', await passOn(world, hotels, second, { audience: payments.id }));
    await remember('flights>payments', await passOn(world, flights, first, { audience: payments.id }));
  });
  afterEach(() => world.dispose());

  it('has every link, each after its parent, with who may do what until when', async () => {
    const { items } = await world.trust.listDelegations(txn, page, operator);
    expect(items.map(({ id }) => names.get(id))).toEqual([
      'flights',
      ...['hotels', 'flights>payments'].toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)),
      'hotels>payments',
    ]);
    expect(items.at(-1)).toEqual({
      id: idOf('hotels>payments'),
      txn,
      parent: idOf('hotels'),
      tenant: 'acme',
      provider: 'northpay',
      agent: payments.id,
      clientId: 'lodging-hotels',
      scope: ['a2a:invoke', 'a2a:read'],
      issuedAt: world.clock.now() / 1000,
      expiresAt: world.clock.now() / 1000 + 300,
      depth: 3,
      state: 'active',
    });
    expect(items[0]).not.toHaveProperty('parent');
  });

  it('shows a tenant all that was done in its name, and nothing to another', async () => {
    expect(await seenBy(client('tenant:acme'))).toHaveLength(4);
    expect(await seenBy(client('tenant:globex'))).toEqual([]);
  });

  it('shows a provider the links of which it is one end', async () => {
    expect(await seenBy(client('provider:lodging'))).toEqual(['hotels', 'hotels>payments']);
    expect((await seenBy(client('provider:northpay'))).toSorted()).toEqual([
      'flights>payments',
      'hotels>payments',
    ]);
    expect((await seenBy(client('provider:skyways'))).toSorted()).toEqual([
      'flights',
      'flights>payments',
      'hotels',
    ]);
    expect(await seenBy(client('provider:stranger'))).toEqual([]);
  });

  it('does not name a parent that the caller does not see', async () => {
    const own = await world.trust.readDelegation(idOf('hotels>payments'), client('provider:northpay'));
    expect(own).not.toHaveProperty('parent');
    const both = await world.trust.readDelegation(idOf('hotels>payments'), client('provider:lodging'));
    expect(both.parent).toBe(idOf('hotels'));
  });

  it('does not tell what companies on the way have agreed, nor who the user is', async () => {
    await world.registry.changeDeployment(hotels.id, 'default', { region: 'eu' }, { by: operator });
    await agree(world, flights, hotels, { residency: ['eu'], maxDepth: 3 });
    const first = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
    await remember('bound', await passOn(world, flights, first, { audience: hotels.id }));
    const shown = ['id', 'txn', 'tenant', 'provider', 'agent', 'clientId', 'scope', 'issuedAt'];
    for (const by of [operator, client('tenant:acme'), client('provider:skyways')])
      expect(Object.keys(await world.trust.readDelegation(idOf('bound'), by)).toSorted()).toEqual(
        [...shown, 'expiresAt', 'depth', 'state', 'parent'].toSorted(),
      );
  });

  it('tells the deployment behind an address to its own provider only', async () => {
    await remember(
      'direct',
      await exchange(world, acme.app, await acme.idToken(), { resource: flights.resource }),
    );
    const read = async (by: Principal) => (await world.trust.readDelegation(idOf('direct'), by)).deployment;
    expect([
      await read(operator),
      await read(client('provider:skyways')),
      await read(client('tenant:acme')),
    ]).toEqual(['default', 'default', undefined]);
  });

  it('tells the server of an ID-JAG to the provider only, as where it runs', async () => {
    const server = 'https://login.skyways.example';
    const jwks = jwksOf(await newParty());
    await world.trust.registerIssuer('provider:skyways', { issuer: server, jwks }, operator);
    const change = { authorizationServer: server };
    await world.registry.changeDeployment(flights.id, 'default', change, { by: operator });
    const desk = await addClient(world, {
      id: 'acme-desk',
      owner: 'tenant:acme',
      issuerClientIds: { [acme.issuer]: 'app', [server]: 'acme' },
    });
    const answer = await exchange(world, desk, await acme.idToken(), { resource: flights.resource });
    const { jti = '' } = decodeJwt(answer.access_token);
    const seen = async (by: Principal) =>
      (await world.trust.readDelegation(sha256(jti), by)).authorizationServer;
    expect([
      await seen(operator),
      await seen(client('provider:skyways')),
      await seen(client('tenant:acme')),
    ]).toEqual([server, server, undefined]);
    const revoked = await world.trust.revokeDelegation(sha256(jti), 'test', operator);
    expect(revoked.state).toBe('revoked');
  });

  it('comes in pages that tell nothing of what is between', async () => {
    const by = client('provider:lodging');
    const first = await world.trust.listDelegations(txn, { limit: 1 }, by);
    expect(first).toMatchObject({ items: [{ id: idOf('hotels') }], cursor: idOf('hotels') });
    const second = await world.trust.listDelegations(txn, { limit: 1, cursor: first.cursor ?? '' }, by);
    expect(second.items.map(({ id }) => id)).toEqual([idOf('hotels>payments')]);
    expect(second).not.toHaveProperty('cursor');
    for (const cursor of [idOf('flights'), 'made-up'])
      expect(
        (await faultOf(world.store, () => world.trust.listDelegations(txn, { limit: 1, cursor }, by))).code,
      ).toBe('invalid_request');
  });

  it('does not tell a delegation of others from one that does not exist', async () => {
    for (const by of [client('tenant:globex'), client('provider:stranger'), client('provider:lodging')])
      for (const id of [idOf('flights>payments'), 'none']) {
        const attempts = [
          () => world.trust.readDelegation(id, by),
          () => world.trust.revokeDelegation(id, 'mischief', by),
        ];
        for (const attempt of attempts)
          expect(await faultOf(world.store, attempt)).toMatchObject({
            code: 'not_found',
            message: `There is no delegation ${id}.`,
          });
      }
  });

  it('is cut where a delegation is revoked: what continues it stops, what is beside it goes on', async () => {
    world.clock.advance(10_000);
    const revoked = await world.trust.revokeDelegation(idOf('hotels'), 'astray', client('tenant:acme'));
    expect(revoked).toMatchObject({
      state: 'revoked',
      revokedAt: world.clock.now() / 1000,
      revokedReason: 'astray',
    });
    const { items } = await world.trust.listDelegations(txn, page, operator);
    expect(new Map(items.map(({ id, state }) => [names.get(id), state]))).toEqual(
      new Map([
        ['flights', 'active'],
        ['hotels', 'revoked'],
        ['flights>payments', 'active'],
        ['hotels>payments', 'stopped'],
      ]),
    );
    world.clock.advance(300_000);
    const later = await world.trust.readDelegation(idOf('flights'), operator);
    expect(later.state).toBe('expired');
    expect((await trail(world.audit)).filter(({ action }) => action === 'delegation.revoke')).toEqual([
      expect.objectContaining({
        actor: 'ops-of-tenant:acme',
        reason: 'astray',
        tenant: 'acme',
        provider: 'lodging',
        txn,
        detail: { delegation: idOf('hotels') },
      }),
    ]);
  });

  it.each([
    ['the tenant', 'tenant:acme'],
    ['the company that calls', 'provider:skyways'],
    ['the company that is called', 'provider:lodging'],
  ] as const)('may be cut by %s', async (_, owner) => {
    expect((await world.trust.revokeDelegation(idOf('hotels'), 'x', client(owner))).state).toBe('revoked');
  });

  it('is cut for the caller, too, where the token that the gateway made for the agent is revoked', async () => {
    const first = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
    const call = await world.trust.verifyCallToken(first.access_token, flights.id);
    if (!call.ok) throw new Error(call.error);
    const standing = await world.trust.checkStanding(call.value);
    if (!standing.ok) throw new Error(standing.error);
    const [deployment] = standing.value.agent.deployments;
    if (deployment === undefined) throw new Error('no deployment');
    const { token, delegationId } = await world.trust.upstreamToken(call.value, standing.value, deployment);
    const received = { access_token: token, token_type: 'Bearer' as const, expires_in: 0, scope: '' };
    const onward = await passOn(world, flights, received, { audience: hotels.id });
    const further = await world.trust.verifyCallToken(onward.access_token, hotels.id);
    if (!further.ok) throw new Error(further.error);

    // What continues it does not take it along.
    await world.trust.revokeDelegation(further.value.delegation.id, 'astray', client('provider:lodging'));
    expect((await world.trust.checkStanding(call.value)).ok).toBe(true);
    await world.trust.revokeDelegation(delegationId, 'astray', client('provider:skyways'));
    expect((await world.trust.checkStanding(call.value)).ok).toBe(false);
    expect((await world.trust.readDelegation(call.value.delegation.id, operator)).state).toBe('revoked');
  });

  it('keeps the first reason, and is revoked once', async () => {
    await world.trust.revokeDelegation(idOf('hotels'), 'first', operator);
    const again = await world.trust.revokeDelegation(idOf('hotels'), 'second', operator);
    expect(again.revokedReason).toBe('first');
    expect((await trail(world.audit)).filter(({ action }) => action === 'delegation.revoke')).toHaveLength(1);
  });

  it('of two who revoke at the same moment one is told to look again', async () => {
    world.store.beforeNextCommit(() => world.trust.revokeDelegation(idOf('hotels'), 'faster', operator));
    await expect(world.trust.revokeDelegation(idOf('hotels'), 'slower', operator)).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('cannot be continued below a revoked delegation', async () => {
    const first = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
    const { jti } = await claimsOf(world, first);
    await world.trust.revokeDelegation(sha256(String(jti)), 'astray', operator);
    expect(await refusal(passOn(world, flights, first, { audience: hotels.id }))).toBe(
      'invalid_request token_revoked',
    );
  });
});
