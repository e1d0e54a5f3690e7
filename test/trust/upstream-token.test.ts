import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/registry/index.ts';
import type { CallContext, Standing } from '../../src/trust/index.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  verified,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('the context that the gateway passes to a provider, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let token: string;
  let call: CallContext;
  let standing: Standing;
  let deployment: Deployment;

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme', { region: 'eu-west-1' });
    flights = await addAgent(world, 'skyways/flights');
    await world.tenancy.subscribe('acme', { agent: flights.id, audTenant: 'cust-1' }, operator);
    token = (await exchange(world, acme.app, await acme.idToken(), { audience: flights.id })).access_token;
    const verifiedCall = await world.trust.verifyCallToken(token, flights.id);
    if (!verifiedCall.ok) throw new Error(verifiedCall.error);
    call = verifiedCall.value;
    const checked = await world.trust.checkStanding(call);
    const [first] = checked.ok ? checked.value.agent.deployments : [];
    if (!checked.ok || first === undefined) throw new Error('no deployment');
    standing = checked.value;
    deployment = first;
  });
  afterEach(() => world.dispose());

  const upstream = (to: Deployment = deployment) => world.trust.upstreamToken(call, standing, to);
  const answerOf = (access_token: string) => ({ access_token }) as Parameters<typeof claimsOf>[1];

  it('is the caller’s, for the deployment alone, under an id of its own', async () => {
    const { token: passed, expiresAt } = await upstream();
    const [inbound, outbound] = [
      await claimsOf(world, answerOf(token)),
      await claimsOf(world, answerOf(passed)),
    ];
    expect(outbound).toEqual({ ...inbound, aud: flights.resource, jti: outbound.jti });
    expect(outbound.jti).not.toBe(inbound.jti);
    expect(expiresAt).toBe(inbound.exp);
  });

  it('is a delegation that continues the caller’s, written down before it is used', async () => {
    const { delegationId } = await upstream();
    expect(await world.trust.findDelegation(delegationId)).toMatchObject({
      parent: call.delegation.id,
      deployment: deployment.id,
      depth: call.delegation.depth,
      chain: { ...call.delegation.chain, delegations: [call.delegation.id] },
    });
    expect((await trail(world.audit)).at(-1)).toMatchObject({
      action: 'token.reissue',
      outcome: 'allowed',
      tenant: 'acme',
      provider: 'skyways',
      agent: flights.id,
      txn: call.delegation.txn,
      detail: { delegation: delegationId, parent: call.delegation.id },
      restricted: { deployment: deployment.id },
      own: { 'provider:skyways': { deployment: deployment.id } },
    });
    // The tenant reads it too, and its provider does not say there where it runs.
    expect((await trail(world.audit)).at(-1)?.detail).not.toHaveProperty('deployment');
  });

  it('is made once for calls that come together and soon after, and anew after half of its life', async () => {
    const [one, two] = await Promise.all([upstream(), upstream()]);
    expect(two).toEqual(one);
    world.clock.advance(149_000);
    expect(await upstream()).toEqual(one);
    world.clock.advance(1_000);
    const later = await upstream();
    expect(later.delegationId).not.toBe(one?.delegationId);
    expect((await verified(world, later.token)).payload.exp).toBe(call.expiresAt);
  });

  it('is another when the provider calls the tenant another, or nothing', async () => {
    const named = async () => {
      const checked = await world.trust.checkStanding(call);
      if (!checked.ok) throw new Error(checked.error);
      const { token: passed } = await world.trust.upstreamToken(call, checked.value, deployment);
      return (await verified(world, passed)).payload['aud_tenant'];
    };
    const account = { provider: 'skyways', tenant: 'acme' };
    expect(await named()).toBe('cust-1');
    await world.tenancy.linkAccount({ ...account, audTenant: 'cust-2' }, operator);
    expect(await named()).toBe('cust-2');
    await world.tenancy.unlinkAccount(account, operator);
    expect(await named()).toBeUndefined();
  });

  it('is another for each deployment', async () => {
    const url = 'https://eu.skyways.example/rpc';
    const other = await world.registry.addDeployment(
      flights.id,
      { id: 'eu', model: 'pooled', url },
      { by: operator },
    );
    const [one, two] = [await upstream(), await upstream(other)];
    expect((await verified(world, two.token)).payload.aud).toBe(url);
    expect(two.delegationId).not.toBe(one.delegationId);
  });

  it('does not work at the gateway', async () => {
    const { token: passed } = await upstream();
    expect(await world.trust.verifyCallToken(passed, flights.id)).toEqual({
      ok: false,
      error: 'token_audience_wrong',
    });
  });

  describe('a call token at the gateway', () => {
    it('comes back with a new subscription only when that allows all that it carries', async () => {
      const standingNow = async () => {
        const checked = await world.trust.checkStanding(call);
        return checked.ok ? 'ok' : checked.error;
      };
      const anew = async (scopes?: readonly string[]) => {
        const before = await world.tenancy.findSubscription('acme', flights.id);
        await world.tenancy.cancelSubscription('acme', before?.id ?? '', operator);
        expect(await standingNow()).toBe('NOT_SUBSCRIBED');
        const input = scopes === undefined ? {} : { scopes };
        await world.tenancy.subscribe('acme', { agent: flights.id, ...input }, operator);
        return standingNow();
      };
      expect(call.delegation.scope).toEqual(['a2a:invoke', 'a2a:read']);
      expect(await anew(['a2a:read'])).toBe('NOT_SUBSCRIBED');
      expect(await anew()).toBe('ok');
    });

    it('is expired to the second, with no tolerance: the clock is our own', async () => {
      world.clock.set((call.expiresAt - 1) * 1000);
      expect((await world.trust.verifyCallToken(token, flights.id)).ok).toBe(true);
      world.clock.advance(1000);
      expect(await world.trust.verifyCallToken(token, flights.id)).toEqual({
        ok: false,
        error: 'token_expired',
      });
    });

    it('is judged the same the second time, when its signature is remembered', async () => {
      const first = await world.trust.verifyCallToken(token, flights.id);
      expect(await world.trust.verifyCallToken(token, flights.id)).toEqual(first);
      expect((await world.trust.verifyCallToken(token, 'skyways/other')).ok).toBe(false);
    });

    it.each([
      ['nothing', () => '', 'token_malformed'],
      ['no token', () => 'a.b.c', 'token_malformed'],
      ['something very long', () => 'x'.repeat(20_000), 'token_malformed'],
      ['a token whose signature was changed', () => changed(token), 'token_signature_wrong'],
    ])('is not %s', async (_, make, error) => {
      expect(await world.trust.verifyCallToken(make(), flights.id)).toEqual({ ok: false, error });
    });

    it('is not the tenant’s own token', async () => {
      expect(await world.trust.verifyCallToken(await acme.idToken(), flights.id)).toEqual({
        ok: false,
        error: 'token_key_unknown',
      });
    });
  });
});

/** The first character of the signature, so that what changes is no padding. */
function changed(token: string): string {
  const [head = '', claims = '', signature = ''] = token.split('.');
  return [head, claims, `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`].join('.');
}
