import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { newProofKey } from '../support/dpop.ts';
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
  exchange,
  exchangeGrant,
  fromNow,
  jwksOf,
  passOn,
  type Program,
  redeem,
  refusal,
  subscribe,
  tokenType,
  verified,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory] = engines;
const server = 'https://login.skyways.example';
const idJagType = 'urn:ietf:params:oauth:token-type:id-jag';
const by = { by: operator };

let world: TrustWorld;
let acme: CastTenant;
let flights: CastAgent;
let serverId: string;
/** The tenant's program, which the provider's authorization server knows as `acme-at-skyways`. */
let app: Program;

async function register(owner: `provider:${string}`, issuer: string): Promise<string> {
  const party = await newParty();
  return (await world.trust.registerIssuer(owner, { issuer, jwks: jwksOf(party) }, operator)).id;
}
const chooses = (authorizationServer: string | null, agent = flights) =>
  world.registry.changeDeployment(agent.id, 'default', { authorizationServer }, by);
const direct = async (form: Record<string, string | undefined> = {}, idToken: Record<string, unknown> = {}) =>
  exchange(world, app, await acme.idToken(idToken), { resource: flights.resource, ...form });
const idJagOf = async (token: string) => (await verified(world, token, 'oauth-id-jag+jwt')).payload;

beforeEach(async () => {
  world = await openTrust(memory ?? expect.fail());
  acme = await addTenant(world, 'acme', { tier: 'gold' });
  flights = await addAgent(world, 'skyways/flights', { scopes: ['flights:book'] });
  await world.tenancy.subscribe('acme', { agent: flights.id, audTenant: 'cust-0815' }, operator);
  serverId = await register('provider:skyways', server);
  await chooses(server);
  app = await addClient(world, {
    id: 'acme-desk',
    owner: 'tenant:acme',
    grantTypes: [exchangeGrant, bearerGrant],
    issuerClientIds: { [acme.issuer]: 'app', [server]: 'acme-at-skyways' },
  });
});
afterEach(() => world.dispose());

describe('a deployment behind its provider’s own authorization server', () => {
  it('is called with an ID-JAG that is bound to the key that the client has shown to possess', async () => {
    const key = await newProofKey();
    const proof = await key.proof({ url: `${brokerUrl}/oauth/token`, now: world.clock.now() });
    const form = {
      grant_type: exchangeGrant,
      subject_token: await acme.idToken(),
      subject_token_type: tokenType.idToken,
      resource: flights.resource,
    };
    const answer = await ask(world, app, form, proof);
    expect(answer.token_type).toBe('N_A');
    expect((await idJagOf(answer.access_token))['cnf']).toEqual({ jkt: key.jkt });
  });

  it('is called with an ID-JAG for that server, which has all that a token has', async () => {
    const now = epochSeconds(world.clock);
    const answer = await direct({ requested_token_type: idJagType, scope: 'a2a:invoke flights:book x' });
    expect(answer).toEqual({
      access_token: expect.any(String),
      issued_token_type: idJagType,
      token_type: 'N_A',
      expires_in: 120,
      scope: 'a2a:invoke flights:book',
    });
    expect(decodeProtectedHeader(answer.access_token).typ).toBe('oauth-id-jag+jwt');
    expect(await idJagOf(answer.access_token)).toEqual({
      iss: brokerUrl,
      aud: server,
      client_id: 'acme-at-skyways',
      resource: flights.resource,
      sub: expect.stringMatching(/^v1\.[\w-]{43}$/),
      iat: now,
      exp: now + 120,
      jti: expect.stringMatching(/^jti_/),
      scope: 'a2a:invoke flights:book',
      tenant: 'acme',
      aud_tenant: 'cust-0815',
      act: { iss: brokerUrl, sub: 'acme-desk', client_id: 'acme-desk' },
      txn: expect.stringMatching(/^txn_/),
      tctx: { v: 1, tier: 'gold' },
    });
  });

  it('is the provider’s choice: whoever asks for nothing gets it as well, and nothing else', async () => {
    expect(await direct()).toMatchObject({ issued_token_type: idJagType, token_type: 'N_A' });
    expect(await refusal(direct({ requested_token_type: tokenType.accessToken }))).toBe(
      'invalid_request id_jag_demanded',
    );
    await chooses(null);
    expect(await direct()).toMatchObject({ issued_token_type: tokenType.accessToken, token_type: 'Bearer' });
    expect(await refusal(direct({ requested_token_type: idJagType }))).toBe(
      'invalid_request id_jag_not_taken',
    );
  });

  it('takes the broker’s token at the gateway, as every agent does', async () => {
    const form = { resource: undefined, audience: flights.id };
    expect(await direct(form)).toMatchObject({ token_type: 'Bearer' });
    expect(await refusal(direct({ ...form, requested_token_type: idJagType }))).toBe(
      'invalid_request id_jag_not_taken',
    );
  });

  it('may be named as the draft does: the server by audience, the deployment by resource', async () => {
    expect(await direct({ audience: server })).toMatchObject({ token_type: 'N_A' });
    expect(await direct({ audience: flights.id })).toMatchObject({ token_type: 'N_A' });
    for (const audience of ['https://login.other.example', `${server}/`, brokerUrl])
      expect(await refusal(direct({ audience }))).toBe('invalid_target authorization_server_other');
    expect(await refusal(direct({ audience: server, resource: undefined }))).toBe(
      'invalid_target target_unknown',
    );
    expect(await refusal(direct({ audience: server, resource: `${brokerUrl}/a2a/skyways/flights` }))).toBe(
      'invalid_target target_unknown',
    );
    await chooses(null);
    expect(await refusal(direct({ audience: server }))).toBe('invalid_target authorization_server_other');
  });

  it('is a delegation like any other: written down, bound to the tenant, in the audit log', async () => {
    const answer = await direct();
    const { txn } = await idJagOf(answer.access_token);
    const entry = (await trail(world.audit)).at(-1);
    expect(entry).toMatchObject({
      action: 'token.exchange',
      outcome: 'allowed',
      tenant: 'acme',
      txn,
      detail: { authorizationServer: server },
    });
    expect(await world.trust.findDelegation(entry?.detail?.['delegation'] as string)).toMatchObject({
      authorizationServer: server,
      deployment: 'default',
      tenant: 'acme',
      provider: 'skyways',
      agent: flights.id,
      clientId: 'acme-desk',
    });
  });

  it('gets one that never outlives what it came from', async () => {
    expect((await direct({}, fromNow(world, { exp: 42 }))).expires_in).toBe(42);
  });

  it('is not called by a client that has no id there', async () => {
    const attempt = exchange(world, acme.app, await acme.idToken(), { resource: flights.resource });
    expect(await refusal(attempt)).toBe('unauthorized_client client_unknown_there');
    await world.trust.changeClient(
      acme.app.id,
      { issuerClientIds: { [acme.issuer]: 'app', [server]: 'later' } },
      { by: operator },
    );
    const answer = await exchange(world, acme.app, await acme.idToken(), { resource: flights.resource });
    expect(await idJagOf(answer.access_token)).toMatchObject({ client_id: 'later' });
  });

  it('may be called by agents of others, further along a chain', async () => {
    const concierge = await addAgent(world, 'helpers/concierge');
    await subscribe(world, acme, concierge);
    await agree(world, concierge, flights);
    const program = await addClient(world, {
      id: 'concierge',
      owner: 'provider:helpers',
      agent: concierge.id,
      issuerClientIds: { [server]: 'helpers-at-skyways' },
    });
    const received = await exchange(world, acme.app, await acme.idToken(), { audience: concierge.id });
    const answer = await passOn(world, { ...concierge, program }, received, { resource: flights.resource });
    expect(await idJagOf(answer.access_token)).toMatchObject({
      client_id: 'helpers-at-skyways',
      act: { sub: 'concierge', act: { sub: 'acme-app' } },
    });
  });

  it('tells what it takes to those only who may call it', async () => {
    await world.registry.admitProvider({ id: 'helpers', name: 'helpers' }, operator);
    const program = await addClient(world, {
      id: 'helpers-portal',
      owner: 'provider:helpers',
      issuerClientIds: { [acme.issuer]: 'portal' },
    });
    const attempt = async (requested_token_type?: string) =>
      refusal(
        exchange(world, program, await acme.idToken({ aud: 'portal' }), {
          resource: flights.resource,
          requested_token_type,
        }),
      );
    const missing = 'invalid_target agreement_missing';
    expect([await attempt(), await attempt(tokenType.accessToken), await attempt(idJagType)]).toEqual([
      missing,
      missing,
      missing,
    ]);
  });

  it('has no answer to an assertion, which would be a token for it', async () => {
    const idJag = await acme.idJag({ client_id: app.id });
    expect(await refusal(redeem(world, app, idJag, { resource: flights.resource }))).toBe(
      'invalid_request id_jag_demanded',
    );
  });
});

describe('whose authorization server it is', () => {
  it('must be an issuer of the provider itself, in force', async () => {
    await register('provider:skyways', 'https://login2.skyways.example');
    const rival = await addAgent(world, 'rival/flights', { scopes: ['flights:admin'] });
    await subscribe(world, acme, rival);
    await chooses(server, rival);
    // Or the rival would have us vouch for its own scopes at the server of skyways.
    const attempt = exchange(world, app, await acme.idToken(), { resource: rival.resource });
    expect(await refusal(attempt)).toBe('invalid_target authorization_server_not_providers');
    await chooses('https://login.unknown.example');
    expect(await refusal(direct())).toBe('invalid_target authorization_server_not_providers');
    await chooses(acme.issuer);
    expect(await refusal(direct())).toBe('invalid_target authorization_server_not_providers');
    await chooses(server);
    await world.trust.setIssuerStatus('provider:skyways', serverId, 'disabled', operator);
    expect(await refusal(direct())).toBe('invalid_target authorization_server_not_providers');
    await world.trust.setIssuerStatus('provider:skyways', serverId, 'active', operator);
    expect((await direct()).token_type).toBe('N_A');
  });

  it('is never the broker', async () => {
    for (const own of [brokerUrl, `${brokerUrl}/as`, 'https://broker.example:443'])
      await expect(chooses(own)).rejects.toMatchObject({ code: 'resource_taken' });
  });

  it('is asked for by one of several deployments that share a resource, and then for all', async () => {
    await chooses(null);
    await world.registry.addDeployment(
      flights.id,
      {
        id: 'second',
        model: 'pooled',
        url: `${flights.resource}/2`,
        resource: flights.resource,
        authorizationServer: server,
      },
      by,
    );
    expect((await direct()).token_type).toBe('N_A');
  });
});

describe('an ID-JAG of ours', () => {
  it('is redeemed there and not here, and is no token for anything here', async () => {
    const { access_token: idJag } = await direct();
    expect(await refusal(redeem(world, app, idJag, { audience: flights.id }))).toBe(
      'invalid_grant assertion_of_broker',
    );
    expect(await world.trust.verifyCallToken(idJag, flights.id)).toEqual({
      ok: false,
      error: 'token_type_wrong',
    });
    expect(await world.trust.authenticateBearer(idJag)).toBeUndefined();
    for (const type of [tokenType.accessToken, tokenType.jwt, tokenType.idToken])
      for (const program of [app, flights.program])
        expect(
          await refusal(exchange(world, program, idJag, { audience: flights.id, subject_token_type: type })),
        ).toMatch(/^invalid_request (?:token_type_wrong|subject_type_wrong)$/);
    expect(
      await refusal(exchange(world, app, idJag, { audience: flights.id, subject_token_type: idJagType })),
    ).toBe('invalid_request subject_type_unknown');
    expect(await refusal(direct({ actor_token: idJag, actor_token_type: tokenType.jwt }))).toBe(
      'invalid_request token_issuer_unknown',
    );
  });
});
