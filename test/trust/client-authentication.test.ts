import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  ask,
  type CastAgent,
  type CastTenant,
  exchange,
  fromNow,
  programOf,
  refusal,
  subscribe,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('client authentication by private_key_jwt, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  const hop = async (form: Record<string, string | undefined> = {}) =>
    exchange(world, acme.app, await acme.idToken(), { audience: flights.id, ...form });
  const withAssertion = async (claims: Record<string, unknown>, header: Record<string, string> = {}) =>
    hop({ client_assertion: await acme.app.assertion(claims, header) });

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
  });
  afterEach(() => world.dispose());

  it.each([
    ['with our issuer as a list of one', { aud: [brokerUrl] }, {}],
    ['with typ JWT', {}, { typ: 'JWT' }],
    ['with the type made for it', {}, { typ: 'client-authentication+jwt' }],
    ['with a lifetime of five minutes', { exp: 300 }, {}],
    ['with fractions of seconds', { exp: 59.5, iat: -0.25 }, {}],
    ['of a clock that is half a minute ahead', { iat: 30, exp: 90, nbf: 30 }, {}],
    ['of a clock that is almost half a minute behind', { iat: -89, exp: -29 }, {}],
  ])('takes an assertion %s', async (_, claims, header) => {
    const answer = await withAssertion(fromNow(world, claims), header as Record<string, string>);
    expect(answer.scope).toBe('a2a:invoke a2a:read');
  });

  it('notes who sends a used one again and again a bounded number of times', async () => {
    const client_assertion = await acme.app.assertion();
    await hop({ client_assertion });
    for (let sent = 0; sent < 25; sent++)
      expect(await refusal(hop({ client_assertion }))).toBe('invalid_client client_assertion_replayed');
    const replays = async () =>
      (await trail(world.audit)).filter(({ reason }) => reason === 'client_assertion_replayed');
    expect(await replays()).toHaveLength(20);
    world.clock.advance(60_000);
    expect(await refusal(hop({ client_assertion }))).toBe('invalid_client client_assertion_replayed');
    expect((await replays()).at(-1)).toMatchObject({ client: 'acme-app', detail: { notListedBefore: 5 } });
  });

  it('takes the client id beside the assertion when it is the same', async () => {
    expect((await hop({ client_id: 'acme-app' })).token_type).toBe('Bearer');
    expect(await refusal(hop({ client_id: 'other' }))).toBe('invalid_client client_id_differs');
  });

  it.each([
    ['for our token endpoint instead of our issuer', { aud: `${brokerUrl}/oauth/token` }],
    ['for us among others', { aud: [brokerUrl, 'https://other.example'] }],
    ['for somebody else', { aud: 'https://other.example' }],
    ['for nobody', { aud: undefined }],
  ])('refuses an assertion %s', async (_, claims) => {
    expect(await refusal(withAssertion(claims))).toBe('invalid_client token_audience_wrong');
  });

  it.each([
    ['without an expiry', { exp: undefined }, 'token_malformed'],
    ['without a time of issue', { iat: undefined }, 'token_malformed'],
    ['that lives longer than five minutes', { exp: 301 }, 'token_lifetime_too_long'],
    ['that expired', { exp: -30 }, 'token_expired'],
    ['from the future', { iat: 31 }, 'token_not_yet_valid'],
    ['without an id of its own', { jti: undefined }, 'client_assertion_jti'],
    ['with an id that is no text', { jti: 7 }, 'client_assertion_jti'],
    ['whose issuer is not its subject', { iss: 'somebody-else' }, 'client_assertion_subject'],
    ['without a subject', { sub: undefined }, 'client_assertion_subject'],
    ['of an unknown client', { iss: 'nobody', sub: 'nobody' }, 'client_unknown'],
  ])('refuses an assertion %s', async (_, claims, reason) => {
    expect(await refusal(withAssertion(fromNow(world, claims)))).toBe(`invalid_client ${reason}`);
  });

  it('refuses what is signed by another key, whoever it names', async () => {
    const thief = programOf(world, 'acme-app', await newParty());
    expect(await refusal(hop({ client_assertion: await thief.assertion() }))).toBe(
      'invalid_client token_key_unknown',
    );
    const kid = acme.app.party.jwks.keys[0]?.kid ?? '';
    expect(await refusal(hop({ client_assertion: await thief.assertion({}, { kid }) }))).toBe(
      'invalid_client token_signature_wrong',
    );
  });

  it('refuses a request without an assertion, or with one of another kind', async () => {
    expect(await refusal(hop({ client_assertion: undefined }))).toBe(
      'invalid_client client_assertion_missing',
    );
    expect(await refusal(hop({ client_assertion_type: undefined }))).toBe(
      'invalid_client client_assertion_type_wrong',
    );
    const saml = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer';
    expect(await refusal(hop({ client_assertion_type: saml }))).toBe(
      'invalid_client client_assertion_type_wrong',
    );
  });

  it('refuses a disabled client, and takes it again when it is enabled', async () => {
    await world.trust.changeClient('acme-app', { status: 'disabled' }, { by: operator });
    expect(await refusal(hop())).toBe('invalid_client client_disabled');
    await world.trust.changeClient('acme-app', { status: 'active' }, { by: operator });
    expect((await hop()).token_type).toBe('Bearer');
  });

  it('answers every failure alike', async () => {
    const messages = await Promise.all(
      [
        withAssertion({ iss: 'nobody', sub: 'nobody' }),
        withAssertion({ aud: 'https://other.example' }),
        hop({ client_assertion: 'not-a-jwt' }),
      ].map((attempt) =>
        attempt.then(
          () => 'accepted',
          (error: unknown) => (error as Error).message,
        ),
      ),
    );
    expect(new Set(messages)).toEqual(new Set(['Client authentication failed.']));
  });

  it('refuses a grant that the client was not given, and one that nobody knows', async () => {
    expect(await refusal(ask(world, acme.app, { grant_type: 'client_credentials' }))).toBe(
      'unauthorized_client grant_not_allowed',
    );
    expect(await refusal(ask(world, acme.app, { grant_type: 'password' }))).toBe(
      'unsupported_grant_type grant_unknown',
    );
    expect(await refusal(ask(world, acme.app, {}))).toBe('invalid_request grant_missing');
  });

  describe('an assertion is good once', () => {
    it('is refused the second time, within its life and the tolerance after it', async () => {
      const assertion = await acme.app.assertion();
      await hop({ client_assertion: assertion });
      expect(await refusal(hop({ client_assertion: assertion }))).toBe(
        'invalid_client client_assertion_replayed',
      );
      world.clock.advance(89_000);
      expect(await refusal(hop({ client_assertion: assertion }))).toBe(
        'invalid_client client_assertion_replayed',
      );
      world.clock.advance(1_000);
      expect(await refusal(hop({ client_assertion: assertion }))).toBe('invalid_client token_expired');
    });

    it('of two at the same moment, one gets a token and nothing is left of the other', async () => {
      const assertion = await acme.app.assertion();
      const outcomes = await Promise.allSettled([
        hop({ client_assertion: assertion }),
        hop({ client_assertion: assertion }),
        hop({ client_assertion: assertion }),
      ]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const records = await world.store.snapshot();
      expect(records.filter(({ partition }) => partition.startsWith('delegation#'))).toHaveLength(1);
    });

    it('is used up by a refusal as well', async () => {
      const assertion = await acme.app.assertion();
      expect(await refusal(hop({ client_assertion: assertion, audience: 'skyways/none' }))).toBe(
        'invalid_target agent_unavailable',
      );
      expect(await refusal(hop({ client_assertion: assertion }))).toBe(
        'invalid_client client_assertion_replayed',
      );
    });

    it('does not use up another client’s of the same id', async () => {
      const globex = await addTenant(world, 'globex');
      await subscribe(world, globex, flights);
      await withAssertion({ jti: 'the-same' });
      const answer = await exchange(world, globex.app, await globex.idToken(), {
        audience: flights.id,
        client_assertion: await globex.app.assertion({ jti: 'the-same' }),
      });
      expect(answer.token_type).toBe('Bearer');
    });
  });
});
