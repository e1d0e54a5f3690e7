import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyOwner } from '../../src/policy/index.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  outcome,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('policies at an exchange, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  const forbidden = 'invalid_target policy_forbids';

  const rule = (owner: PolicyOwner, id: string, text: string) =>
    world.policies.createPolicy({ owner, id, text, enabled: true }, operator);
  const first = async (tenant: CastTenant = acme) =>
    exchange(world, tenant.app, await tenant.idToken(), { audience: flights.id });
  const onward = async () => passOn(world, flights, await first(), { audience: payments.id });
  const latest = async () => (await world.audit.list({ limit: 1 })).items[0]?.value;

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme', { region: 'eu-central-1' });
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, payments);
    await agree(world, flights, payments);
  });
  afterEach(() => world.dispose());

  it('take away what the built-in rules allow, and look like any other target that is not for the caller', async () => {
    expect(await outcome(first())).toBe('a2a:invoke a2a:read');
    await rule('operator', 'closed', 'forbid(principal, action, resource in Provider::"skyways");');
    const refused = await first().catch((error: unknown) => error);
    const unknown = await exchange(world, acme.app, await acme.idToken(), { audience: 'no/one' }).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'invalid_target', reason: 'policy_forbids' });
    expect((refused as Error).message).toBe((unknown as Error).message);
    await world.policies.deletePolicy({ owner: 'operator', id: 'closed' }, { by: operator });
    expect(await outcome(first())).toBe('a2a:invoke a2a:read');
  });

  it('never give what the built-in rules refuse', async () => {
    await rule('operator', 'all', 'permit(principal, action, resource);');
    await rule('tenant:acme', 'all', 'permit(principal, action, resource);');
    const globex = await addTenant(world, 'globex');
    expect(await refusal(first(globex))).toBe('invalid_target not_subscribed');
  });

  it('are asked at each hop, of both companies, with the chain so far', async () => {
    const viaFlights = 'context.through.contains("skyways/flights") && context.actors.contains("acme-app")';
    await rule('provider:northpay', 'direct', `forbid(principal, action, resource) when { ${viaFlights} };`);
    expect(await refusal(onward())).toBe(forbidden);
    expect(await outcome(first())).toBe('a2a:invoke a2a:read');
    await world.policies.deletePolicy({ owner: 'provider:northpay', id: 'direct' }, { by: operator });
    await rule(
      'provider:skyways',
      'no-pay',
      'forbid(principal in Provider::"skyways", action, resource in Provider::"northpay") when { context.depth == 2 && context has agreement };',
    );
    expect(await refusal(onward())).toBe(forbidden);
    expect(await outcome(first())).toBe('a2a:invoke a2a:read');
  });

  it('see the scopes that are left, the tenant and the card', async () => {
    await rule(
      'tenant:acme',
      'readers',
      [
        'permit(principal in Tenant::"acme", action, resource)',
        'when { context.scopes == ["a2a:read"] && context has region && context.region == "eu-central-1" }',
        'when { resource.tags.contains("test") && resource.skills == ["echo"] };',
      ].join('\n'),
    );
    expect(await refusal(first())).toBe(forbidden);
    const reading = exchange(world, acme.app, await acme.idToken(), {
      audience: flights.id,
      scope: 'a2a:read',
    });
    expect(await outcome(reading)).toBe('a2a:read');
  });

  it('know how the user was authenticated, at every hop', async () => {
    await rule(
      'tenant:acme',
      'factor',
      'forbid(principal, action, resource) unless { context has amr && context.amr.contains("otp") && context has acr && context.acr == "aal2" };',
    );
    const as = async (claims: Record<string, unknown>) =>
      exchange(world, acme.app, await acme.idToken(claims), { audience: flights.id });
    expect(await refusal(as({}))).toBe(forbidden);
    expect(await refusal(as({ amr: ['pwd'], acr: 'aal2' }))).toBe(forbidden);
    const strong = await as({ amr: ['pwd', 'otp'], acr: 'aal2' });
    expect(await claimsOf(world, strong)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2' });
    expect(await outcome(passOn(world, flights, strong, { audience: payments.id }))).toBe(
      'a2a:invoke a2a:read',
    );
    for (const claims of [
      { amr: 'otp' },
      { amr: ['otp', 1] },
      { amr: Array(17).fill('otp') },
      { acr: 2 },
      { acr: '' },
    ])
      expect(await refusal(as(claims))).toBe('invalid_request token_malformed');
  });

  it('are explained in the audit log: to the operator all, to a party its own', async () => {
    await rule('operator', 'all', 'permit(principal, action, resource);');
    await rule('tenant:acme', 'mine', 'permit(principal, action, resource) when { context.depth == 1 };');
    await rule(
      'provider:skyways',
      'theirs',
      'forbid(principal, action, resource) when { context.depth == 9 };',
    );
    await first();
    const allowed = { owner: 'operator', why: 'permitted', policies: ['all'] };
    const mine = { owner: 'tenant:acme', why: 'permitted', policies: ['mine'] };
    const theirs = { owner: 'provider:skyways', why: 'not_forbidden', policies: [] };
    expect(await latest()).toMatchObject({
      action: 'token.exchange',
      outcome: 'allowed',
      restricted: { policies: [allowed, mine, theirs] },
      own: { 'tenant:acme': { policies: [mine] }, 'provider:skyways': { policies: [theirs] } },
    });
    await rule(
      'operator',
      'sum',
      'forbid(principal, action, resource) when { context.time * context.time * context.time < 0 };',
    );
    expect(await refusal(first())).toBe(forbidden);
    const entry = await latest();
    expect(entry).toMatchObject({
      outcome: 'refused',
      reason: 'policy_forbids',
      tenant: 'acme',
      provider: 'skyways',
      agent: 'skyways/flights',
      detail: { error: 'invalid_target' },
      restricted: {
        policies: [
          { owner: 'operator', why: 'failed', policies: ['sum'], errors: [{ policy: 'sum' }] },
          mine,
          theirs,
        ],
      },
    });
    expect(JSON.stringify([entry?.detail, entry?.own])).not.toMatch(/sum|operator/);
  });
});
