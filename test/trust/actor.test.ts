import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty, type Party } from '../support/party.ts';
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
  fromNow,
  jwksOf,
  passOn,
  type Program,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const issuer = 'https://id.helpers.example';

describe.each(engines)('an actor token, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let helpersIdp: Party;
  let concierge: CastAgent;
  /** The concierge as its own company's issuer knows it. */
  const actorToken = (changes: Record<string, unknown> = {}, idp = helpersIdp) =>
    idp.sign(
      fromNow(world, {
        iss: issuer,
        sub: 'svc-concierge',
        aud: brokerUrl,
        client_id: 'svc-concierge',
        iat: 0,
        exp: 60,
        ...changes,
      }),
    );
  const onward = async (form: Record<string, string | undefined>, program = concierge.program) => {
    const received = await exchange(world, acme.app, await acme.idToken(), { audience: concierge.id });
    return passOn(world, { ...concierge, program }, received, {
      audience: flights.id,
      actor_token_type: tokenType.accessToken,
      ...form,
    });
  };

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    concierge = await addAgent(world, 'helpers/concierge');
    await subscribe(world, acme, concierge, flights);
    await agree(world, concierge, flights);
    helpersIdp = await newParty();
    await world.trust.registerIssuer('provider:helpers', { issuer, jwks: jwksOf(helpersIdp) }, operator);
    concierge = {
      ...concierge,
      program: await addClient(world, {
        id: 'concierge',
        owner: 'provider:helpers',
        agent: concierge.id,
        issuerClientIds: { [issuer]: 'svc-concierge' },
      }),
    };
  });
  afterEach(() => world.dispose());

  it('says how the program’s own company calls it', async () => {
    const claims = await claimsOf(world, await onward({ actor_token: await actorToken() }));
    expect(claims['act']).toEqual({
      iss: issuer,
      sub: 'svc-concierge',
      client_id: 'concierge',
      act: { iss: brokerUrl, sub: 'acme-app', client_id: 'acme-app' },
    });
  });

  it('must say what it is, and be there when its type is', async () => {
    expect(await refusal(onward({ actor_token: await actorToken(), actor_token_type: undefined }))).toBe(
      'invalid_request actor_type_missing',
    );
    expect(await refusal(onward({}))).toBe('invalid_request actor_missing');
    expect(
      await refusal(onward({ actor_token: await actorToken(), actor_token_type: 'urn:example:other' })),
    ).toBe('invalid_request actor_type_missing');
  });

  it.each([
    ['about another program', { sub: 'svc-other' }, 'actor_is_not_client'],
    ['issued to another program', { client_id: 'svc-other', sub: 'svc-other' }, 'token_audience_wrong'],
    ['for another audience', { aud: 'https://other.example' }, 'token_audience_wrong'],
    ['that expired', { exp: -31 }, 'token_expired'],
    ['behind which somebody else acts', { act: { sub: 'svc-other' } }, 'actor_acts_for_other'],
    ['of an unknown issuer', { iss: 'https://id.nobody.example' }, 'token_issuer_unknown'],
    ['of the broker', { iss: brokerUrl }, 'token_issuer_unknown'],
  ])('is refused when it is one %s', async (_, changes, reason) => {
    expect(await refusal(onward({ actor_token: await actorToken(changes) }))).toBe(
      `invalid_request ${reason}`,
    );
  });

  it('is refused when it is signed by somebody else, or no token', async () => {
    expect(await refusal(onward({ actor_token: await actorToken({}, await newParty()) }))).toBe(
      'invalid_request token_key_unknown',
    );
    expect(await refusal(onward({ actor_token: 'x' }))).toBe('invalid_request token_malformed');
  });

  it('is refused from an issuer of another company, even if that calls the program the same', async () => {
    const program: Program = await addClient(world, {
      id: 'both',
      owner: 'provider:helpers',
      agent: concierge.id,
      issuerClientIds: { [acme.issuer]: 'svc' },
    });
    const token = await acme.idToken({ sub: 'svc', aud: 'svc' });
    expect(await refusal(onward({ actor_token: token }, program))).toBe(
      'invalid_request actor_of_other_party',
    );
  });

  it('is refused once its issuer is disabled', async () => {
    const { items } = await world.trust.listIssuers('provider:helpers', { limit: 10 });
    const record = items.find(({ value }) => value.issuer === issuer)?.value;
    await world.trust.setIssuerStatus('provider:helpers', record?.id ?? '', 'disabled', operator);
    expect(await refusal(onward({ actor_token: await actorToken() }))).toBe(
      'invalid_request token_issuer_unknown',
    );
  });
});
