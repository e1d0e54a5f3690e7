import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, openMarket } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { recordWrites } from './recorder.ts';
import { newProofKey } from '../support/dpop.ts';
import { addProgram, openStage, type Program, type Stage } from './stage.ts';
import {
  ask,
  assertionType,
  claimsOf,
  exchange,
  managementToken,
  postForm,
  refusal,
  type TokenReply,
  tokenOf,
} from './token-endpoint.ts';

const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

let stage: Stage;
let portal: Program;
let other: Program;
beforeAll(async () => {
  stage = await openStage();
  const grantTypes = [bearerGrant, 'client_credentials'];
  portal = await addProgram(stage, {
    id: 'acme-portal',
    owner: 'tenant:acme',
    grantTypes,
    issuerClientIds: { [stage.acme.issuer]: 'portal' },
  });
  other = await addProgram(stage, { id: 'globex-portal', owner: 'tenant:globex', grantTypes });
});
afterAll(() => stage.close());

type Claims = Readonly<Record<string, unknown>>;

/** What the tenant's identity provider makes, honest but for `changes`. */
function idJag(changes: Claims = {}, header: Readonly<Record<string, string>> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: stage.acme.issuer, sub: 'user-1', aud: stage.url, client_id: portal.clientId };
  return stage.acme.idp.sign(
    { ...claims, jti: randomUUID(), iat: now, exp: now + 60, ...changes },
    { typ: 'oauth-id-jag+jwt', ...header },
  );
}

const redeem = (assertion: string, program = portal): Promise<TokenReply> =>
  ask(stage, program, { grant_type: bearerGrant, assertion, audience: stage.market.agent });
const refused = (assertion: string, program = portal) => refusal(stage, () => redeem(assertion, program));

it('an honest assertion is redeemed', async () => {
  expect(claimsOf(tokenOf(await redeem(await idJag())))).toMatchObject({
    tenant: 'acme',
    client_id: 'acme-portal',
  });
});

describe('what is no assertion', () => {
  it.each([
    ['an ID token', async () => stage.acme.idToken(), 'token_audience_wrong'],
    [
      'a client assertion',
      async () => clientAssertion(portal.client, portal.clientId, stage.url),
      'token_issuer_unknown',
    ],
    ['a token for the gateway', async () => stage.market.callToken(stage.acme), 'assertion_of_broker'],
    ['a management token', async () => managementToken(stage, await reporter()), 'assertion_of_broker'],
  ])('%s', async (_, make, reason) => {
    expect(await refused(await make())).toBe(`400 invalid_grant ${reason}`);
  });

  it.each([
    'at+jwt',
    'dpop+jwt',
    'logout+jwt',
    'client-authentication+jwt',
    'entity-statement+jwt',
    'ID-JAG',
    '',
  ])('a token of type %j', async (typ) => {
    expect(await refused(await idJag({}, { typ }))).toBe('400 invalid_grant token_type_wrong');
  });

  it('a logout token', async () => {
    expect(await refused(await idJag({ events: {} }))).toBe('400 invalid_grant token_type_wrong');
  });
});

describe('an assertion in another’s place', () => {
  it('is no subject token', async () => {
    const subject_token = await idJag({ aud: 'app' });
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
      '400 invalid_request token_type_wrong',
    );
  });

  it('is no client assertion, and no bearer token', async () => {
    const assertion = await idJag();
    const form = { grant_type: bearerGrant, assertion, client_assertion: assertion };
    expect(await refusal(stage, () => ask(stage, portal, form))).toMatch(/^401 invalid_client /);
    const headers = { authorization: `Bearer ${assertion}` };
    expect((await fetch(`${stage.url}/v1/agents`, { headers })).status).toBe(401);
  });
});

describe('an assertion for somebody else', () => {
  it('is not redeemed by another tenant’s program, by no program, or for another audience', async () => {
    const assertion = await idJag();
    expect(await refused(assertion, other)).toBe('400 invalid_grant token_audience_wrong');
    expect(await refused(await idJag({ client_id: other.clientId }), other)).toBe(
      '400 invalid_grant subject_of_other_tenant',
    );
    const nobody = await postForm(stage.url, {
      grant_type: bearerGrant,
      assertion,
      audience: stage.market.agent,
    });
    expect([nobody.status, nobody.body.error]).toEqual([401, 'invalid_client']);
    for (const aud of [
      [stage.url, 'https://as.example'],
      [stage.url, stage.url],
      `${stage.url}/`,
      'https://as.example',
    ])
      expect(await refused(await idJag({ aud }))).toBe('400 invalid_grant token_audience_wrong');
    // None of the attempts used it up.
    expect((await redeem(assertion)).status).toBe(200);
  });

  it('of an actor of ours, or of another company, is refused', async () => {
    for (const act of [
      { iss: stage.url, sub: 'skyways-flights' },
      { iss: stage.globex.issuer, sub: 'app' },
      { sub: 'a', act: { iss: stage.url, sub: 'acme-portal' } },
    ])
      expect(await refused(await idJag({ act }))).toBe('400 invalid_grant subject_actors_refused');
  });

  it('with limits that are not understood is refused, not widened', async () => {
    const limit = { authorization_details: [{ type: 'payment', amount: '1' }] };
    expect(await refused(await idJag(limit))).toBe('400 invalid_grant subject_limit_unknown');
    for (const cnf of [{ jkt: 'x' }, { 'x5t#S256': 'x' }])
      expect(await refused(await idJag({ cnf }))).toBe('400 invalid_grant token_confirmation_unknown');
  });

  it('that is bound to a key is redeemed with that key only, for a token that is bound to it', async () => {
    const [key, thief] = await Promise.all([newProofKey(), newProofKey()]);
    const bound = await idJag({ cnf: { jkt: key.jkt } });
    const form = { grant_type: bearerGrant, assertion: bound, audience: stage.market.agent };
    const url = `${stage.url}/oauth/token`;
    for (const headers of [{}, { DPoP: await thief.proof({ url }) }])
      expect(await refusal(stage, () => ask(stage, portal, form, undefined, headers))).toBe(
        '400 invalid_grant token_is_bound',
      );
    const answer = await ask(stage, portal, form, undefined, { DPoP: await key.proof({ url }) });
    expect(claimsOf(tokenOf(answer))['cnf']).toEqual({ jkt: key.jkt });
  });

  it('has the same answer whatever is wrong with it', async () => {
    const bad = [
      await idJag({ aud: 'x' }),
      await idJag({ iss: 'https://login.nobody.example' }),
      await idJag({ exp: 1, iat: 0 }),
      await idJag({ client_id: other.clientId }),
      'x',
    ];
    const texts = await Promise.all(bad.map(async (assertion) => (await redeem(assertion)).text));
    expect(new Set(texts).size).toBe(1);
  });
});

it('an assertion works once of two brokers that share a store, at the same moment', async () => {
  const issuer = 'http://localhost:8080';
  const store = recordWrites(openMemoryStore({ clock: systemClock }));
  const shared = { ...store, close: () => Promise.resolve() };
  const settings = { BROKER_URL: issuer, BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
  const brokers = [
    await runBroker({ store: shared }, settings),
    await runBroker({ store: shared }, settings),
  ];
  const [{ url, token }] = brokers as [RunningBroker, RunningBroker];
  const market = await openMarket({ url, token, issuer }, 'http://127.0.0.1:9/rpc');
  const { idp, issuer: iss } = await market.addTenant('acme');
  const client = await newParty();
  const id = 'acme-portal';
  const facts = { id, name: id, owner: 'tenant:acme', jwks: client.jwks, grantTypes: [bearerGrant] };
  await call(market, 'POST', '/v1/clients', facts);

  const now = Math.floor(Date.now() / 1000);
  const claims = { iss, sub: 'u', aud: issuer, client_id: id, jti: 'one', iat: now, exp: now + 60 };
  const assertion = await idp.sign(claims, { typ: 'oauth-id-jag+jwt' });
  const replies = await Promise.all(
    [...brokers, ...brokers].map(async (broker) =>
      postForm(broker.url, {
        grant_type: bearerGrant,
        assertion,
        audience: market.agent,
        client_assertion_type: assertionType,
        client_assertion: await clientAssertion(client, id, issuer),
      }),
    ),
  );
  const refusals = Array<string>(3).fill('invalid_grant');
  expect(replies.map(({ body }) => body.error ?? 'ok').toSorted()).toEqual([...refusals, 'ok']);
  for (const broker of brokers) await broker.close();
});

let made: Program | undefined;
async function reporter(): Promise<Program> {
  made ??= await addProgram(stage, { id: 'reporter', owner: 'provider:skyways', scopes: ['usage:write'] });
  return made;
}
