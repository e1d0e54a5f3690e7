import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  ask,
  bearerGrant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchangeGrant,
  fromNow,
  jwksOf,
  outcome,
  passOn,
  redeem,
  refusal,
  subscribe,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory] = engines;
let world: TrustWorld;
let acme: CastTenant;
let flights: CastAgent;

async function open(engine = memory): Promise<void> {
  world = await openTrust(engine ?? expect.fail());
  acme = await addTenant(world, 'acme');
  flights = await addAgent(world, 'skyways/flights', { scopes: ['flights:book'] });
  await subscribe(world, acme, flights);
}

const use = async (changes: Record<string, unknown> = {}, form: Record<string, string | undefined> = {}) =>
  redeem(world, acme.app, await acme.idJag(changes), { audience: flights.id, ...form });
/** The JWT grant of identity chaining: no type of its own. */
const chained = async (changes: Record<string, unknown> = {}, typ?: string) => {
  const claims = { iss: acme.issuer, sub: 'user-1', aud: brokerUrl, azp: 'app', jti: randomUUID() };
  const token = await acme.idp.sign(
    fromNow(world, { ...claims, iat: 0, exp: 60, ...changes }),
    typ === undefined ? {} : { typ },
  );
  return redeem(world, acme.app, token, { audience: flights.id });
};

describe('an assertion for the broker', () => {
  beforeEach(() => open());
  afterEach(() => world.dispose());

  it('becomes a token like any other: same claims, same delegation, no longer than itself', async () => {
    const now = epochSeconds(world.clock);
    const answer = await use();
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 60,
      scope: 'a2a:invoke a2a:read flights:book',
    });
    expect(await claimsOf(world, answer)).toEqual({
      iss: brokerUrl,
      aud: `${brokerUrl}/a2a/skyways/flights`,
      sub: expect.stringMatching(/^v1\./),
      client_id: 'acme-app',
      iat: now,
      exp: now + 60,
      jti: expect.stringMatching(/^jti_/),
      scope: answer.scope,
      tenant: 'acme',
      act: { iss: brokerUrl, sub: 'acme-app', client_id: 'acme-app' },
      txn: expect.stringMatching(/^txn_/),
      tctx: { v: 1, tier: 'standard' },
    });
    const call = await world.trust.verifyCallToken(answer.access_token, flights.id);
    expect(call.ok && (await world.trust.checkStanding(call.value)).ok).toBe(true);
  });

  it('is about the same user as an ID token of that issuer', async () => {
    const { sub } = await claimsOf(world, await use());
    const other = await claimsOf(world, await use({ sub: 'user-2' }));
    const exchanged = await ask(world, acme.app, {
      grant_type: exchangeGrant,
      subject_token: await acme.idToken(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience: flights.id,
    });
    expect((await claimsOf(world, exchanged)).sub).toBe(sub);
    expect(other.sub).not.toBe(sub);
  });

  it('may begin a chain, which agents pass on', async () => {
    const payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, payments);
    await agree(world, flights, payments);
    const onward = await passOn(world, flights, await use(), { audience: payments.id });
    expect(await claimsOf(world, onward)).toMatchObject({
      act: { sub: 'skyways-flights', act: { sub: 'acme-app' } },
    });
  });

  it('of a provider’s program rests on an agreement, as any other', async () => {
    const program = await addClient(world, {
      id: 'helpers-portal',
      owner: 'provider:skyways',
      grantTypes: [bearerGrant],
    });
    const payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, payments);
    const attempt = async (audience: string) =>
      outcome(redeem(world, program, await acme.idJag({ client_id: program.id }), { audience }));
    expect(await attempt(flights.id)).toBe('a2a:invoke a2a:read flights:book');
    expect(await attempt(payments.id)).toBe('invalid_target agreement_missing');
    await agree(world, flights, payments);
    expect(await attempt(payments.id)).toBe('a2a:invoke a2a:read');
  });

  it('is in the audit log, allowed or refused, without a token', async () => {
    await use();
    expect((await trail(world.audit)).at(-1)).toMatchObject({
      action: 'token.jwt_bearer',
      outcome: 'allowed',
      client: 'acme-app',
      tenant: 'acme',
      agent: flights.id,
      detail: { depth: 1, scope: ['a2a:invoke', 'a2a:read', 'flights:book'] },
    });
    await refusal(use({ aud: 'https://other.example' }));
    expect((await trail(world.audit)).at(-1)).toMatchObject({
      action: 'token.jwt_bearer',
      outcome: 'refused',
      reason: 'token_audience_wrong',
      client: 'acme-app',
      detail: { error: 'invalid_grant' },
    });
    expect(JSON.stringify(await trail(world.audit))).not.toContain('eyJ');
  });

  it('has to be there, and the grant to be allowed to the client', async () => {
    expect(await refusal(ask(world, acme.app, { grant_type: bearerGrant, audience: flights.id }))).toBe(
      'invalid_request assertion_missing',
    );
    expect(await refusal(redeem(world, flights.program, await acme.idJag(), { audience: flights.id }))).toBe(
      'unauthorized_client grant_not_allowed',
    );
  });

  describe.each([
    ['ID-JAG', use],
    ['JWT grant of identity chaining', chained],
  ])('as an %s', (_, attempt) => {
    it.each([
      ['for somebody else', { aud: 'https://other.example' }, 'token_audience_wrong'],
      ['for us and somebody else', { aud: [brokerUrl, 'https://other.example'] }, 'token_audience_wrong'],
      ['for our token endpoint', { aud: `${brokerUrl}/oauth/token` }, 'token_audience_wrong'],
      ['for the agent', { aud: `${brokerUrl}/a2a/skyways/flights` }, 'token_audience_wrong'],
      ['for nobody', { aud: undefined }, 'token_audience_wrong'],
      ['for another client', { client_id: 'globex-app' }, 'token_audience_wrong'],
      ['for two clients', { azp: 'globex-app', client_id: 'globex-app' }, 'token_audience_wrong'],
      ['for no client', { azp: undefined, client_id: undefined }, 'token_audience_wrong'],
      ['for a list of clients', { azp: undefined, client_id: ['acme-app'] }, 'token_audience_wrong'],
      ['without a subject', { sub: undefined }, 'token_subject_missing'],
      ['without an end', { exp: undefined }, 'token_malformed'],
      ['without a beginning', { iat: undefined }, 'token_malformed'],
      ['without an id', { jti: undefined }, 'assertion_jti'],
      ['with an empty id', { jti: '' }, 'assertion_jti'],
      ['with an endless id', { jti: 'x'.repeat(257) }, 'assertion_jti'],
      ['with an id that is a number', { jti: 7 }, 'assertion_jti'],
      ['bound to no key', { cnf: { jkt: 'x' } }, 'token_confirmation_unknown'],
      ['bound to a key', { cnf: { jkt: 'x'.repeat(43) } }, 'token_is_bound'],
      ['with details that we would not keep', { authorization_details: [] }, 'subject_limit_unknown'],
      ['with a resource that is none', { resource: 7 }, 'subject_resource'],
      ['with no resource in a list', { resource: [] }, 'subject_resource'],
      ['with too many resources', { resource: Array<string>(11).fill('x') }, 'subject_resource'],
      ['that another may use', { may_act: { sub: 'somebody' } }, 'subject_may_act_other'],
      ['with an actor of ours', { act: { iss: brokerUrl, sub: 'acme-app' } }, 'subject_actors_refused'],
      ['of the broker itself', { iss: brokerUrl }, 'assertion_of_broker'],
      ['of an unknown issuer', { iss: 'https://login.nobody.example' }, 'token_issuer_unknown'],
      ['with a scope that is none', { scope: ['a2a:read'] }, 'token_malformed'],
    ])('%s is refused', async (__, changes, reason) => {
      expect(await refusal(attempt(changes))).toBe(`invalid_grant ${reason}`);
    });

    it.each([
      ['expired', { iat: -60, exp: -31 }, 'token_expired'],
      ['issued in the future', { iat: 31, exp: 60 }, 'token_not_yet_valid'],
      ['not valid yet', { nbf: 31 }, 'token_not_yet_valid'],
      ['good for more than five minutes', { exp: 301 }, 'token_lifetime_too_long'],
    ])('%s is refused', async (__, offsets, reason) => {
      // Each of the two signs times in its own way.
      const now = attempt === use ? epochSeconds(world.clock) : 0;
      const changes = Object.fromEntries(Object.entries(offsets).map(([name, value]) => [name, now + value]));
      expect(await refusal(attempt(changes))).toBe(`invalid_grant ${reason}`);
    });

    it('works for one audience in a list', async () => {
      expect((await attempt({ aud: [brokerUrl] })).token_type).toBe('Bearer');
    });
  });

  it.each([
    ['an ID token', {}, 'token_audience_wrong'],
    ['an access token', { typ: 'at+jwt' }, 'token_type_wrong'],
    ['a client assertion', { typ: 'client-authentication+jwt' }, 'token_type_wrong'],
    ['a proof of possession', { typ: 'dpop+jwt' }, 'token_type_wrong'],
    ['a logout token', { typ: 'logout+jwt' }, 'token_type_wrong'],
    ['a security event', { typ: 'secevent+jwt' }, 'token_type_wrong'],
  ])('is not %s', async (_, header, reason) => {
    const jti = randomUUID();
    const now = epochSeconds(world.clock);
    const token = await acme.idToken({ jti, exp: now + 60 }, header as Record<string, string>);
    expect(await refusal(redeem(world, acme.app, token, { audience: flights.id }))).toBe(
      `invalid_grant ${reason}`,
    );
  });

  it.each([undefined, 'JWT', 'authorization-grant+jwt', 'application/authorization-grant+jwt'])(
    'of identity chaining may have the type %s',
    async (typ) => {
      expect((await chained({}, typ)).token_type).toBe('Bearer');
    },
  );

  it('of identity chaining may name the client by our id as well', async () => {
    expect((await chained({ azp: undefined, client_id: 'acme-app' })).token_type).toBe('Bearer');
    expect(await refusal(use({ client_id: 'app' }))).toBe('invalid_grant token_audience_wrong');
  });

  it('is refused when it is signed by somebody else, or no token at all', async () => {
    const { idp } = acme;
    const stranger = await newParty();
    const claims = {
      iss: acme.issuer,
      sub: 'u',
      aud: brokerUrl,
      client_id: 'acme-app',
      jti: 'a',
      iat: 0,
      exp: 60,
    };
    const forged = await stranger.sign(fromNow(world, claims), {
      typ: 'oauth-id-jag+jwt',
      kid: idp.jwks.keys[0]?.kid ?? '',
    });
    const attempt = (assertion: string) =>
      refusal(redeem(world, acme.app, assertion, { audience: flights.id }));
    expect(await attempt(forged)).toBe('invalid_grant token_signature_wrong');
    expect(await attempt('x')).toBe('invalid_grant token_malformed');
    expect(await attempt('x'.repeat(20_000))).toBe('invalid_grant token_malformed');
    expect(await attempt((await use()).access_token)).toBe('invalid_grant assertion_of_broker');
  });

  describe('whose subjects', () => {
    it('a tenant’s program gets tokens for its own tenant’s users only', async () => {
      const globex = await addTenant(world, 'globex');
      await subscribe(world, globex, flights);
      const stolen = await globex.idJag({ client_id: 'acme-app' });
      expect(await refusal(redeem(world, acme.app, stolen, { audience: flights.id }))).toBe(
        'invalid_grant subject_of_other_tenant',
      );
    });

    it('a provider’s issuer speaks for no tenant', async () => {
      const idp = await newParty();
      const issuer = 'https://login.skyways.example';
      await world.trust.registerIssuer('provider:skyways', { issuer, jwks: jwksOf(idp) }, operator);
      const claims = {
        iss: issuer,
        sub: 'u',
        aud: brokerUrl,
        client_id: 'acme-app',
        tenant: 'acme',
        jti: 'a',
      };
      const token = await idp.sign(fromNow(world, { ...claims, iat: 0, exp: 60 }), {
        typ: 'oauth-id-jag+jwt',
      });
      expect(await refusal(redeem(world, acme.app, token, { audience: flights.id }))).toBe(
        'invalid_grant subject_issuer_not_tenants',
      );
    });

    it('nobody’s while their tenant or issuer is not active', async () => {
      await world.tenancy.suspendTenant('acme', 'test', { by: operator });
      expect(await refusal(use())).toBe('invalid_grant subject_tenant_not_active');
      await world.tenancy.reinstateTenant('acme', 'test', { by: operator });
      await world.trust.setIssuerStatus('tenant:acme', acme.issuerId, 'disabled', operator);
      expect(await refusal(use())).toBe('invalid_grant token_issuer_unknown');
    });
  });

  describe('what it is limited to', () => {
    const address = `${brokerUrl}/a2a/skyways/flights`;

    it('its resource is the target, also when the request names none', async () => {
      expect((await claimsOf(world, await use({ resource: address }, { audience: undefined }))).aud).toBe(
        address,
      );
      expect((await claimsOf(world, await use({ resource: [address] }))).aud).toBe(address);
      const direct = await use({ resource: flights.resource }, { audience: undefined });
      expect((await claimsOf(world, direct)).aud).toBe(flights.resource);
    });

    it('another target than its resources is refused, as one that does not exist', async () => {
      const trains = await addAgent(world, 'skyways/trains');
      await subscribe(world, acme, trains);
      const trainsUrl = `${brokerUrl}/a2a/skyways/trains`;
      expect(await refusal(use({ resource: trainsUrl }))).toBe('invalid_target target_not_in_assertion');
      expect(await refusal(use({ resource: flights.resource }))).toBe(
        'invalid_target target_not_in_assertion',
      );
      expect(await refusal(use({ resource: 'https://elsewhere.example' }, { audience: undefined }))).toBe(
        'invalid_target target_unknown',
      );
      expect(await refusal(use({ resource: [address, trainsUrl] }, { audience: undefined }))).toBe(
        'invalid_request target_missing',
      );
      expect((await use({ resource: [address, trainsUrl] })).token_type).toBe('Bearer');
    });

    it('its scope is a ceiling; without one the subscription is', async () => {
      expect((await use({ scope: 'a2a:read flights:cancel' })).scope).toBe('a2a:read');
      expect(await outcome(use({ scope: 'a2a:read' }, { scope: 'a2a:invoke' }))).toBe(
        'invalid_scope scope_empty',
      );
      expect(await outcome(use({ scope: '' }))).toBe('invalid_scope scope_empty');
      expect((await use({}, { scope: 'flights:book' })).scope).toBe('flights:book');
    });

    it('its actors are in the chain, behind the client, and count', async () => {
      const act = { sub: 'gateway', act: { sub: 'portal' } };
      expect((await claimsOf(world, await use({ act })))['act']).toEqual({
        iss: brokerUrl,
        sub: 'acme-app',
        client_id: 'acme-app',
        act: { iss: acme.issuer, sub: 'gateway', act: { iss: acme.issuer, sub: 'portal' } },
      });
      const long = { sub: 'a', act: { sub: 'b', act: { sub: 'c', act: { sub: 'd' } } } };
      expect(await refusal(use({ act: long }))).toBe('invalid_request depth_exceeded');
    });
  });
});

describe.each(engines)('an assertion is good once, on $name', (engine) => {
  beforeEach(() => open(engine));
  afterEach(() => world.dispose());
  const replayed = 'invalid_grant assertion_replayed';
  const all = 'a2a:invoke a2a:read flights:book';

  it('and not again, nor signed again under the same id', async () => {
    const jti = randomUUID();
    expect(await outcome(use({ jti }))).toBe(all);
    expect(await outcome(use({ jti }))).toBe(replayed);
    expect(await outcome(use({ jti, sub: 'user-2' }))).toBe(replayed);
  });

  it('of several at the same moment, and what the others would have got does not exist', async () => {
    const assertion = await acme.idJag();
    const before = (await world.store.snapshot()).filter(({ sort }) => sort === 'delegation').length;
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => outcome(redeem(world, acme.app, assertion, { audience: flights.id }))),
    );
    expect(outcomes.toSorted()).toEqual([all, ...Array<string>(4).fill(replayed)]);
    const after = (await world.store.snapshot()).filter(({ sort }) => sort === 'delegation').length;
    expect(after - before).toBe(1);
  });

  it('but ids are each issuer’s own, and a request that was refused may be mended', async () => {
    const globex = await addTenant(world, 'globex');
    await subscribe(world, globex, flights);
    const jti = randomUUID();
    expect(await outcome(use({ jti }, { audience: 'skyways/none' }))).toBe(
      'invalid_target agent_unavailable',
    );
    expect(await outcome(use({ jti }))).toBe(all);
    expect(
      await outcome(redeem(world, globex.app, await globex.idJag({ jti }), { audience: flights.id })),
    ).toBe(all);
  });
});
