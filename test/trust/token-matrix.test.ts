import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newParty, type Party } from '../support/party.ts';
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
  type Program,
  refusal,
  subscribe,
  tokenType,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory] = engines;
const helpersIssuer = 'https://id.helpers.example';

let world: TrustWorld;
let acme: CastTenant;
let globex: CastTenant;
let flights: CastAgent;
let concierge: CastAgent;
let helpers: Party;
/** Both have an id at every issuer: whose token it is has to matter, not whether the program is known. */
let programs: Readonly<Record<'provider' | 'tenant', Program>>;

beforeAll(async () => {
  world = await openTrust(memory ?? expect.fail());
  acme = await addTenant(world, 'acme');
  globex = await addTenant(world, 'globex');
  flights = await addAgent(world, 'skyways/flights');
  concierge = await addAgent(world, 'helpers/concierge');
  await subscribe(world, acme, flights, concierge);
  await subscribe(world, globex, flights, concierge);
  await agree(world, concierge, flights);
  helpers = await newParty();
  const issuer = { issuer: helpersIssuer, jwks: jwksOf(helpers) };
  await world.trust.registerIssuer('provider:helpers', issuer, operator);
  const issuerClientIds = { [acme.issuer]: 'prog', [globex.issuer]: 'prog', [helpersIssuer]: 'prog' };
  programs = {
    provider: await addClient(world, {
      id: 'helpers-prog',
      owner: 'provider:helpers',
      agent: concierge.id,
      issuerClientIds,
    }),
    tenant: await addClient(world, { id: 'acme-prog', owner: 'tenant:acme', issuerClientIds }),
  };
});
afterAll(() => world.dispose());

type Owner = keyof typeof programs;
const issuers = {
  acme: () => ({ iss: acme.issuer, idp: acme.idp }),
  globex: () => ({ iss: globex.issuer, idp: globex.idp }),
  helpers: () => ({ iss: helpersIssuer, idp: helpers }),
};

/** A token of this issuer for the program. */
function tokenOf(
  issuer: keyof typeof issuers,
  claims: Record<string, unknown>,
  typ?: string,
): Promise<string> {
  const { iss, idp } = issuers[issuer]();
  const all = { iss, aud: brokerUrl, client_id: 'prog', iat: 0, exp: 60, ...claims };
  return idp.sign(fromNow(world, all), typ === undefined ? {} : { typ });
}

const user = { sub: 'user-1' };
const itself = { sub: 'prog' };
type Kind = readonly [type: string, make: () => Promise<string>];

/** `undefined`: good; else the rule that refuses it, for the provider's program and the tenant's. */
const subjects: Readonly<Record<string, { kind: Kind; provider?: string; tenant?: string }>> = {
  'an ID token of acme': {
    kind: [tokenType.idToken, () => tokenOf('acme', { ...user, aud: 'prog', client_id: undefined })],
  },
  'an access token of acme': { kind: [tokenType.accessToken, () => tokenOf('acme', user, 'at+jwt')] },
  'a JWT of acme': { kind: [tokenType.jwt, () => tokenOf('acme', user, 'JWT')] },
  'an access token of globex': {
    kind: [tokenType.accessToken, () => tokenOf('globex', user, 'at+jwt')],
    tenant: 'subject_of_other_tenant',
  },
  'an access token of a provider’s issuer': {
    kind: [tokenType.accessToken, () => tokenOf('helpers', user, 'at+jwt')],
    provider: 'subject_issuer_not_tenants',
    tenant: 'subject_issuer_not_tenants',
  },
  'a token of the broker that the agent received': {
    kind: [
      tokenType.accessToken,
      async () =>
        (await exchange(world, acme.app, await acme.idToken(), { audience: concierge.id })).access_token,
    ],
    tenant: 'token_audience_wrong',
  },
  'an ID-JAG of acme': {
    kind: [tokenType.jwt, () => tokenOf('acme', { ...user, jti: randomUUID() }, 'oauth-id-jag+jwt')],
    provider: 'token_type_wrong',
    tenant: 'token_type_wrong',
  },
};

const aboutItself = (issuer: keyof typeof issuers) => [
  [tokenType.accessToken, () => tokenOf(issuer, itself, 'at+jwt')] as const,
  [tokenType.idToken, () => tokenOf(issuer, { ...itself, aud: 'prog', client_id: undefined })] as const,
  [tokenType.jwt, () => tokenOf(issuer, itself, 'JWT')] as const,
];
const [helpersAccess, helpersId, helpersJwt] = aboutItself('helpers') as [Kind, Kind, Kind];
const [acmeAccess, acmeId, acmeJwt] = aboutItself('acme') as [Kind, Kind, Kind];
const foreign = 'actor_of_other_party';
const actors: Readonly<
  Record<string, { kind?: Kind; provider?: string; tenant?: string; iss?: () => string }>
> = {
  nobody: {},
  'an access token of helpers': { kind: helpersAccess, tenant: foreign, iss: () => helpersIssuer },
  'an ID token of helpers': { kind: helpersId, tenant: foreign, iss: () => helpersIssuer },
  'a JWT of helpers': { kind: helpersJwt, tenant: foreign, iss: () => helpersIssuer },
  'an access token of acme': { kind: acmeAccess, provider: foreign, iss: () => acme.issuer },
  'an ID token of acme': { kind: acmeId, provider: foreign, iss: () => acme.issuer },
  'a JWT of acme': { kind: acmeJwt, provider: foreign, iss: () => acme.issuer },
  'an access token of globex': {
    kind: [tokenType.accessToken, () => tokenOf('globex', itself, 'at+jwt')],
    provider: foreign,
    tenant: foreign,
  },
  'a token of the broker': {
    kind: [
      tokenType.accessToken,
      async () =>
        (await exchange(world, acme.app, await acme.idToken(), { audience: concierge.id })).access_token,
    ],
    provider: 'token_issuer_unknown',
    tenant: 'token_issuer_unknown',
  },
  'an ID-JAG of helpers': {
    kind: [tokenType.jwt, () => tokenOf('helpers', { ...itself, jti: randomUUID() }, 'oauth-id-jag+jwt')],
    provider: 'token_type_wrong',
    tenant: 'token_type_wrong',
  },
};

describe.each(['provider', 'tenant'] as const)('a %s’s program', (owner: Owner) => {
  describe.each(Object.entries(subjects))('with %s as subject', (_, subject) => {
    it.each(Object.entries(actors))('and %s as actor', async (__, actor) => {
      const [subject_token_type, makeSubject] = subject.kind;
      const attempt = ask(world, programs[owner], {
        grant_type: exchangeGrant,
        audience: flights.id,
        subject_token_type,
        subject_token: await makeSubject(),
        actor_token_type: actor.kind?.[0],
        actor_token: await actor.kind?.[1](),
      });
      // The subject is looked at first.
      const expected = subject[owner] ?? actor[owner];
      const sub = actor.kind === undefined ? programs[owner].id : 'prog';
      const acting = { iss: actor.iss?.() ?? brokerUrl, sub, client_id: programs[owner].id };
      const outcome =
        expected === undefined ? (await claimsOf(world, await attempt))['act'] : await refusal(attempt);
      // Of a token of ours, only the newest actor.
      const { act: _before, ...newest } =
        typeof outcome === 'object' && outcome !== null ? (outcome as Record<string, unknown>) : {};
      expect(expected === undefined ? newest : outcome).toEqual(
        expected === undefined ? acting : `invalid_request ${expected}`,
      );
    });
  });
});
