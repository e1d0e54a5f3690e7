import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  fromNow,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('a tenant’s token for one that an agent accepts, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  const hop = (subjectToken: string, form: Record<string, string> = {}) =>
    exchange(world, acme.app, subjectToken, { audience: flights.id, ...form });

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme', { tier: 'gold', region: 'eu-central-1' });
    flights = await addAgent(world, 'skyways/flights', { scopes: ['flights:book'] });
    await world.tenancy.subscribe('acme', { agent: flights.id, audTenant: 'cust-0815' }, operator);
  });
  afterEach(() => world.dispose());

  it('has every claim that the profile promises, and no other', async () => {
    const now = epochSeconds(world.clock);
    const answer = await hop(await acme.idToken());
    expect(answer).toEqual({
      access_token: expect.any(String),
      issued_token_type: tokenType.accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'a2a:invoke a2a:read flights:book',
    });
    const [signingKey] = world.keys.jwks().keys;
    expect(decodeProtectedHeader(answer.access_token)).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: signingKey?.['kid'],
    });
    expect(await claimsOf(world, answer)).toEqual({
      iss: brokerUrl,
      aud: `${brokerUrl}/a2a/skyways/flights`,
      sub: expect.stringMatching(/^v1\.[\w-]{43}$/),
      client_id: 'acme-app',
      iat: now,
      exp: now + 300,
      jti: expect.stringMatching(/^jti_/),
      scope: answer.scope,
      tenant: 'acme',
      aud_tenant: 'cust-0815',
      act: { iss: brokerUrl, sub: 'acme-app', client_id: 'acme-app' },
      txn: expect.stringMatching(/^txn_/),
      tctx: { v: 1, tier: 'gold', region: 'eu-central-1' },
    });
  });

  it('has no aud_tenant and no region where there is none', async () => {
    const globex = await addTenant(world, 'globex');
    await subscribe(world, globex, flights);
    const claims = await claimsOf(
      world,
      await exchange(world, globex.app, await globex.idToken(), { audience: flights.id }),
    );
    expect(claims).not.toHaveProperty('aud_tenant');
    expect(claims['tctx']).toEqual({ v: 1, tier: 'standard' });
  });

  it('is another token in another transaction each time', async () => {
    const [one, two] = [
      await claimsOf(world, await hop(await acme.idToken())),
      await claimsOf(world, await hop(await acme.idToken())),
    ];
    expect(two.jti).not.toBe(one.jti);
    expect(two['txn']).not.toBe(one['txn']);
  });

  it('is kept as a delegation without its jti', async () => {
    const answer = await hop(await acme.idToken());
    const { jti } = await claimsOf(world, answer);
    const call = await world.trust.verifyCallToken(answer.access_token, flights.id);
    const delegation = call.ok ? call.value.delegation : undefined;
    expect(await world.trust.findDelegation(delegation?.id ?? '')).toEqual(delegation);
    expect(delegation).toMatchObject({
      tenant: 'acme',
      provider: 'skyways',
      agent: flights.id,
      clientId: 'acme-app',
      depth: 1,
      origin: { issuer: acme.issuer, subject: 'user-1' },
      chain: { delegations: [], clients: ['acme-app'], agents: [flights.id], agreements: [] },
    });
    expect(delegation?.id).not.toContain(jti);
  });

  describe('the subject', () => {
    const subOf = async (audience: string, claims: Record<string, unknown> = {}) =>
      (await claimsOf(world, await exchange(world, acme.app, await acme.idToken(claims), { audience }))).sub;

    it('is the same at one provider, whichever of its agents and however often', async () => {
      const trains = await addAgent(world, 'skyways/trains');
      await subscribe(world, acme, trains);
      const sub = await subOf(flights.id);
      expect(await subOf(flights.id)).toBe(sub);
      expect(await subOf(trains.id)).toBe(sub);
    });

    it('is another at another provider, of another user, and of another tenant’s user of the same name', async () => {
      const payments = await addAgent(world, 'northpay/payments');
      const globex = await addTenant(world, 'globex');
      await subscribe(world, acme, payments);
      await subscribe(world, globex, flights);
      const subs = [
        await subOf(flights.id),
        await subOf(payments.id),
        await subOf(flights.id, { sub: 'user-2' }),
        (
          await claimsOf(
            world,
            await exchange(world, globex.app, await globex.idToken(), { audience: flights.id }),
          )
        ).sub,
      ];
      expect(new Set(subs).size).toBe(4);
      expect(subs.join(' ')).not.toContain('user-');
    });

    it('can be found again by the operator’s table', async () => {
      const sub = await subOf(flights.id);
      const [kept] = (await world.store.snapshot()).filter(({ sort }) => sort === sub);
      expect(kept).toMatchObject({
        partition: 'pairwise#skyways',
        value: { tenant: 'acme', issuer: acme.issuer, subject: 'user-1' },
      });
    });
  });

  describe('lifetime', () => {
    it('never goes beyond the subject’s', async () => {
      const answer = await hop(await acme.idToken(fromNow(world, { exp: 42 })));
      expect(answer.expires_in).toBe(42);
      expect((await claimsOf(world, answer)).exp).toBe(epochSeconds(world.clock) + 42);
    });

    it('is in whole seconds also when the subject’s is not', async () => {
      const answer = await hop(await acme.idToken(fromNow(world, { exp: 42.9, iat: -0.5 })));
      expect(answer.expires_in).toBe(42);
      expect((await claimsOf(world, answer)).exp).toBe(epochSeconds(world.clock) + 42);
    });

    it.each([
      ['expired within the tolerance for clocks', { exp: 0 }, 'token_expired'],
      ['expired long ago', { exp: -31 }, 'token_expired'],
      ['issued in the future', { iat: 31 }, 'token_not_yet_valid'],
      ['not valid yet', { nbf: 31 }, 'token_not_yet_valid'],
      ['longer-lived than a day', { exp: 24 * 3600 + 1 }, 'token_lifetime_too_long'],
    ])('there is none for a token that is %s', async (_, offsets, reason) => {
      const token = await acme.idToken(fromNow(world, offsets));
      expect(await refusal(hop(token))).toBe(`invalid_request ${reason}`);
    });

    it.each(['exp', 'iat', 'sub', 'aud'])('there is none for a token without %s', async (name) => {
      expect(await refusal(hop(await acme.idToken({ [name]: undefined })))).toMatch(
        /^invalid_request token_(malformed|subject_missing|audience_wrong)$/,
      );
    });

    it('forgives clocks that differ by up to half a minute', async () => {
      const answer = await hop(await acme.idToken(fromNow(world, { iat: 30, nbf: 30 })));
      expect(answer.expires_in).toBe(300);
    });
  });
});
