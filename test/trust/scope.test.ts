import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  outcome,
  passOn,
  type Program,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const all = ['a2a:invoke', 'a2a:read', 'book', 'pay'] as const;
const published = { scopes: ['book', 'pay'] };

describe.each(engines)('scope is never wider than anybody allows, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights', published);
    payments = await addAgent(world, 'northpay/payments', published);
  });
  afterEach(() => world.dispose());

  const first = async (form: Record<string, string> = {}, program: Program = acme.app) =>
    exchange(world, program, await acme.idToken(), { audience: flights.id, ...form });

  it('is everything that the agent publishes when nobody says less', async () => {
    await subscribe(world, acme, flights);
    const answer = await first();
    expect(answer.scope).toBe(all.join(' '));
    expect((await claimsOf(world, answer))['scope']).toBe(answer.scope);
  });

  it('is what was asked for, in any order and however often, and the answer says so', async () => {
    await subscribe(world, acme, flights);
    expect((await first({ scope: 'pay a2a:invoke pay' })).scope).toBe('a2a:invoke pay');
    expect((await first({ scope: 'book everything' })).scope).toBe('book');
  });

  it('is refused when nothing of what was asked is left', async () => {
    await subscribe(world, acme, flights);
    expect(await refusal(first({ scope: 'everything' }))).toBe('invalid_scope scope_empty');
  });

  it.each([' book', 'book ', 'book  pay', 'bo"ok', 'b\\ook', 'b\u00e9', 'a'.repeat(65)])(
    'is refused when it is malformed: %j',
    async (scope) => {
      await subscribe(world, acme, flights);
      expect(await refusal(first({ scope }))).toBe('invalid_scope scope_malformed');
    },
  );

  it('ends at the subscription', async () => {
    await world.tenancy.subscribe('acme', { agent: flights.id, scopes: ['a2a:read', 'book'] }, operator);
    expect((await first()).scope).toBe('a2a:read book');
    expect(await refusal(first({ scope: 'pay' }))).toBe('invalid_scope scope_empty');
  });

  it('ends at the client', async () => {
    await subscribe(world, acme, flights);
    const reader = await addClient(world, {
      id: 'acme-reader',
      owner: 'tenant:acme',
      issuerClientIds: { [acme.issuer]: 'app' },
      callScopes: ['a2a:read', 'unheard:of'],
    });
    expect((await first({}, reader)).scope).toBe('a2a:read');
    expect(await refusal(first({ scope: 'book' }, reader))).toBe('invalid_scope scope_empty');
  });

  it('ends at the agreement', async () => {
    await subscribe(world, acme, flights, payments);
    await agree(world, flights, payments, { scopes: ['a2a:invoke', 'pay'] });
    expect((await passOn(world, flights, await first(), { audience: payments.id })).scope).toBe(
      'a2a:invoke pay',
    );
  });

  it('ends at the token that is passed on, also when it is not asked for', async () => {
    await subscribe(world, acme, flights, payments);
    await agree(world, flights, payments);
    const received = await first({ scope: 'a2a:invoke pay' });
    expect((await passOn(world, flights, received, { audience: payments.id })).scope).toBe('a2a:invoke pay');
    const more = passOn(world, flights, received, { audience: payments.id, scope: 'a2a:read book' });
    expect(await refusal(more)).toBe('invalid_scope scope_empty');
  });

  describe('ends at an access token that the tenant’s issuer made for the broker', () => {
    const withToken = async (claims: Record<string, unknown>, type: string = tokenType.accessToken) =>
      exchange(world, acme.app, await acme.idToken({ aud: brokerUrl, client_id: 'app', ...claims }), {
        audience: flights.id,
        subject_token_type: type,
      });
    beforeEach(() => subscribe(world, acme, flights));

    it.each(Object.values(tokenType))('whatever the caller calls it: %s', async (type) => {
      expect((await withToken({ scope: 'openid book a2a:read' }, type)).scope).toBe('a2a:read book');
    });

    it('and nothing is left of one that allows nothing', async () => {
      expect(await refusal(withToken({ scope: 'openid' }))).toBe('invalid_scope scope_empty');
      expect(await refusal(withToken({ scope: '' }))).toBe('invalid_scope scope_empty');
      expect(await refusal(withToken({ scope: ['book'] }))).toBe('invalid_request token_malformed');
    });

    it('but not at one that was made for the program itself: its scopes are the program’s', async () => {
      const token = await acme.idToken({ scope: 'openid profile' });
      expect((await exchange(world, acme.app, token, { audience: flights.id })).scope).toBe(all.join(' '));
    });
  });

  it('holds for any ceilings together, over two hops', async () => {
    const some = fc.subarray([...all], { minLength: 1 });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          subscriptions: fc.tuple(some, some),
          clients: fc.tuple(fc.option(some), fc.option(some)),
          agreement: fc.option(some),
          asked: fc.tuple(fc.option(some), fc.option(some)),
        }),
        async ({ subscriptions, clients, agreement, asked }) => {
          const run = `t${++runs}`;
          const tenant = await addTenant(world, run, { ...ceiling('callScopes', clients[0]) });
          const from = await addAgent(world, `p${run}/agent`, {
            ...published,
            ...ceiling('callScopes', clients[1]),
          });
          await world.tenancy.subscribe(run, { agent: from.id, scopes: subscriptions[0] }, operator);
          await world.tenancy.subscribe(run, { agent: payments.id, scopes: subscriptions[1] }, operator);
          await agree(world, from, payments, ceiling('scopes', agreement));

          const expectedFirst = meet(subscriptions[0], clients[0], asked[0]);
          const one = exchange(world, tenant.app, await tenant.idToken(), {
            audience: from.id,
            ...ceiling('scope', asked[0]?.join(' ')),
          });
          expect(await outcome(one)).toBe(expectedFirst.join(' ') || 'invalid_scope scope_empty');
          if (expectedFirst.length === 0) return;

          const expected = meet(expectedFirst, subscriptions[1], clients[1], agreement, asked[1]);
          const two = passOn(world, from, await one, {
            audience: payments.id,
            ...ceiling('scope', asked[1]?.join(' ')),
          });
          expect(await outcome(two)).toBe(expected.join(' ') || 'invalid_scope scope_empty');
        },
      ),
      // The rule is the same on every engine; on the fast one it is tried out at length.
      { numRuns: engine.name === 'memory' ? 60 : 5 },
    );
  });
});

/** A ceiling that may be absent, as an option of that name. */
function ceiling<N extends string, T>(name: N, value: T | null | undefined): { [K in N]?: T } {
  return (value === null || value === undefined ? {} : { [name]: value }) as { [K in N]?: T };
}

/** What all of them allow, in the order of `all`; an absent one allows everything. */
function meet(...ceilings: readonly (readonly string[] | null)[]): readonly string[] {
  return all.filter((scope) => ceilings.every((allowed) => allowed === null || allowed.includes(scope)));
}
