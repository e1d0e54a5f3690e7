import { CompactSign } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
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
  exchangeGrant,
  fromNow,
  jwksOf,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('tokens of tenants’ issuers, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  const hop = (subjectToken: string, form: Record<string, string> = {}) =>
    exchange(world, acme.app, subjectToken, { audience: flights.id, ...form });

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
  });
  afterEach(() => world.dispose());

  describe('kinds of subject token', () => {
    it.each([
      ['an ID token', tokenType.idToken, {}, {}],
      ['an ID token that names its party twice', tokenType.idToken, { aud: ['app'], azp: 'app' }, {}],
      ['an access token for the broker', tokenType.accessToken, { aud: brokerUrl, client_id: 'app' }, {}],
      ['an access token with its type', tokenType.accessToken, {}, { typ: 'at+jwt' }],
      ['an access token with the long type', tokenType.accessToken, {}, { typ: 'application/at+jwt' }],
      ['a JWT', tokenType.jwt, { aud: [brokerUrl], azp: 'app' }, { typ: 'JWT' }],
    ])('takes %s', async (_, type, claims, header) => {
      const answer = await hop(await acme.idToken(claims, header), { subject_token_type: type });
      expect((await claimsOf(world, answer))['tenant']).toBe('acme');
    });

    it('keeps a token for the broker to the targets that its issuer made it for', async () => {
      const trains = await addAgent(world, 'skyways/trains');
      await subscribe(world, acme, trains);
      // An assertion that is for flights, brought to the other grant.
      const claims = { aud: brokerUrl, azp: 'app', resource: [`${brokerUrl}/a2a/skyways/flights`], jti: 'j' };
      const attempt = async (audience: string, changes: Record<string, unknown> = {}) =>
        hop(await acme.idToken({ ...claims, ...changes }), { audience });
      expect((await claimsOf(world, await attempt(flights.id)))['tenant']).toBe('acme');
      expect(await refusal(attempt(trains.id))).toBe('invalid_target target_not_in_assertion');
      expect(await refusal(attempt(flights.id, { resource: [] }))).toBe('invalid_request subject_resource');
      expect(await refusal(attempt(flights.id, { authorization_details: [] }))).toBe(
        'invalid_request subject_limit_unknown',
      );
      // What a token for the program itself says of resources, is about the program's own.
      const own = { aud: 'app', resource: 'https://api.acme.example', authorization_details: [] };
      expect((await claimsOf(world, await attempt(trains.id, own)))['tenant']).toBe('acme');
    });

    it.each([
      ['issued to another program', { aud: 'somebody-else' }],
      ['for the broker, but not saying for whom', { aud: brokerUrl }],
      ['for the broker, issued to another program', { aud: brokerUrl, azp: 'somebody-else' }],
      ['for two audiences', { aud: ['app', brokerUrl], azp: 'app' }],
      ['with two parties that differ', { azp: 'app', client_id: 'somebody-else' }],
    ])('refuses a token %s', async (_, claims) => {
      expect(await refusal(hop(await acme.idToken(claims)))).toBe('invalid_request token_audience_wrong');
    });

    it.each([
      ['that says it is something else', {}, { typ: 'logout+jwt' }],
      ['that is a logout token without saying so', { events: {} }, {}],
      ['that is an access token and was sent as an ID token', {}, { typ: 'at+jwt' }],
    ])('refuses a token %s', async (_, claims, header) => {
      const token = await acme.idToken(claims, header as Record<string, string>);
      expect(await refusal(hop(token))).toBe('invalid_request token_type_wrong');
    });

    it('refuses a token that says something twice, though it is well signed', async () => {
      const claims = JSON.stringify(
        fromNow(world, { iss: acme.issuer, sub: 'u', aud: 'app', iat: 0, exp: 60 }),
      );
      const sign = (text: string) =>
        new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: 'ES256' }).sign(acme.idp.privateKey);
      expect((await hop(await sign(claims))).token_type).toBe('Bearer');
      const twice = claims.replace('{', `{"sub":"somebody-else",`);
      expect(await refusal(hop(await sign(twice)))).toBe('invalid_request token_malformed');
    });

    it.each([
      ['without a type', { subject_token_type: undefined }, 'subject_missing'],
      [
        'of an unknown type',
        { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
        'subject_type_unknown',
      ],
      ['that is not there', { subject_token: undefined }, 'subject_missing'],
    ])('refuses a token %s', async (_, form, reason) => {
      const complete = { subject_token: await acme.idToken(), subject_token_type: tokenType.idToken };
      const attempt = ask(world, acme.app, {
        grant_type: exchangeGrant,
        audience: flights.id,
        ...complete,
        ...form,
      });
      expect(await refusal(attempt)).toBe(`invalid_request ${reason}`);
    });

    it.each([
      ['by the issuer’s id for it', { sub: 'app' }],
      ['by that id and the issuer', { iss: 'ISSUER', sub: 'app' }],
      ['by our id for it', { iss: brokerUrl, sub: 'acme-app' }],
    ])('takes a token for the broker that names who may act %s', async (_, party) => {
      const may_act = { ...party, ...('iss' in party && party.iss === 'ISSUER' ? { iss: acme.issuer } : {}) };
      const token = await acme.idToken({ aud: brokerUrl, may_act });
      const claims = await claimsOf(world, await hop(token));
      expect(claims['act']).toEqual({ iss: brokerUrl, sub: 'acme-app', client_id: 'acme-app' });
      // It is about the first hop alone.
      expect(claims).not.toHaveProperty('may_act');
    });

    it.each([
      ['names another program', { sub: 'other' }],
      ['names another program of ours', { iss: brokerUrl, sub: 'globex-app' }],
      ['names the issuer’s id as ours', { iss: brokerUrl, sub: 'app' }],
      ['names our id as the issuer’s', { sub: 'acme-app' }],
      ['names the program of another issuer', { iss: 'https://login.globex.example', sub: 'app' }],
      ['names nobody', {}],
      ['is a text', 'app'],
      ['is a list', [{ sub: 'app' }]],
      ['is null', null],
    ])('refuses a token whose may_act %s, also when it was issued to the program', async (_, may_act) => {
      expect(await refusal(hop(await acme.idToken({ may_act })))).toBe(
        'invalid_request subject_may_act_other',
      );
      expect(await refusal(hop(await acme.idToken({ may_act, aud: brokerUrl })))).toBe(
        'invalid_request token_audience_wrong',
      );
    });

    it('may_act makes nobody of a token that was issued to somebody else', async () => {
      const token = await acme.idToken({ aud: brokerUrl, client_id: 'other', may_act: { sub: 'app' } });
      expect(await refusal(hop(token))).toBe('invalid_request token_audience_wrong');
    });

    it('issues access tokens only', async () => {
      const token = await acme.idToken();
      expect(await refusal(hop(token, { requested_token_type: tokenType.idToken }))).toBe(
        'invalid_request requested_type_unknown',
      );
      const answer = await hop(token, { requested_token_type: tokenType.accessToken });
      expect(answer.issued_token_type).toBe(tokenType.accessToken);
    });
  });

  describe('whose subjects', () => {
    it('a tenant’s program gets tokens for its own tenant’s users only', async () => {
      const globex = await addTenant(world, 'globex');
      await subscribe(world, globex, flights);
      const spy = await addClient(world, {
        id: 'acme-spy',
        owner: 'tenant:acme',
        issuerClientIds: { [globex.issuer]: 'app' },
      });
      expect(await refusal(exchange(world, spy, await globex.idToken(), { audience: flights.id }))).toBe(
        'invalid_request subject_of_other_tenant',
      );
    });

    it('a provider’s program acts for users of each tenant that issues it tokens, under an agreement', async () => {
      const concierge = await addAgent(world, 'helpers/concierge');
      await agree(world, concierge, flights);
      const portal = await addClient(world, {
        id: 'helpers-portal',
        owner: 'provider:helpers',
        issuerClientIds: { [acme.issuer]: 'portal' },
      });
      const token = await acme.idToken({ aud: 'portal' });
      const claims = await claimsOf(world, await exchange(world, portal, token, { audience: flights.id }));
      expect(claims).toMatchObject({ tenant: 'acme', act: { sub: 'helpers-portal' } });
    });

    it('a provider’s issuer speaks for no tenant, whatever its tokens claim', async () => {
      const idp = await newParty();
      const issuer = 'https://login.skyways.example';
      await world.trust.registerIssuer('provider:skyways', { issuer, jwks: jwksOf(idp) }, operator);
      const program = await addClient(world, {
        id: 'skyways-portal',
        owner: 'provider:skyways',
        issuerClientIds: { [issuer]: 'portal' },
      });
      const claims = { iss: issuer, sub: 'user-1', aud: 'portal', tenant: 'acme', iat: 0, exp: 60 };
      const token = await idp.sign(fromNow(world, claims));
      expect(await refusal(exchange(world, program, token, { audience: flights.id }))).toBe(
        'invalid_request subject_issuer_not_tenants',
      );
    });
  });
});
