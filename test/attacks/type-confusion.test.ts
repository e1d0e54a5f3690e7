import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';
import { openLine, say } from '../support/a2a.ts';
import { call } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { addMarketAgentProgram, addProgram, openStage, type Program, type Stage } from './stage.ts';
import { ask, exchange, managementToken, refusal, tokenOf, tokenType } from './token-endpoint.ts';

const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

let stage: Stage;
let manager: Program;
let flights: Program;
let desk: Program;
const server = 'https://login.skyways.example';
const resource = 'https://direct.skyways.example';
beforeAll(async () => {
  stage = await openStage();
  await call(stage, 'POST', '/v1/providers/skyways/issuers', {
    issuer: server,
    jwks: (await newParty()).jwks,
  });
  // Not for the gateway: it draws nothing new.
  const direct = {
    id: 'direct',
    model: 'pooled',
    url: stage.agent.url,
    resource,
    authorizationServer: server,
  };
  await call(stage, 'POST', `/v1/agents/${stage.market.agent}/deployments`, direct);
  await call(stage, 'PATCH', `/v1/agents/${stage.market.agent}/deployments/direct`, { state: 'draining' });
  desk = await addProgram(stage, {
    id: 'acme-desk',
    owner: 'tenant:acme',
    issuerClientIds: { [stage.acme.issuer]: 'app', [server]: 'acme' },
  });
  flights = await addMarketAgentProgram(stage);
  manager = await addProgram(stage, {
    id: 'manager',
    owner: 'provider:skyways',
    agent: stage.market.agent,
    scopes: ['registry:read', 'usage:write'],
  });
});
afterAll(() => stage.close());

/** Every kind of token that is about, each genuine, by its name. */
const kinds = {
  'an ID token': () => stage.acme.idToken(),
  'a client assertion': () => clientAssertion(stage.acme.client, stage.acme.clientId, stage.url),
  'a management token': () => managementToken(stage, manager),
  'a token for the gateway': () => stage.market.callToken(stage.acme),
  'a token for the agent': () => upstreamToken(),
  'a signed agent card': () => signedCard(),
  'an ID-JAG of the broker': () => idJag(),
} as const;
type Kind = keyof typeof kinds;
const allBut = (...right: Kind[]) => (Object.keys(kinds) as Kind[]).filter((kind) => !right.includes(kind));

/** For the provider's own authorization server. */
async function idJag(): Promise<string> {
  const app = { ...stage.acme, clientId: desk.clientId, client: desk.client };
  return tokenOf(await exchange(stage, app, { audience: undefined, resource }));
}

/** What the gateway itself presents to the agent. */
async function upstreamToken(): Promise<string> {
  const line = await openLine(stage.market, stage.acme);
  await line.call('SendMessage', say('hi'));
  return stage.agent.calls.at(-1)?.headers.authorization?.replace('Bearer ', '') ?? expect.fail();
}

/** The broker's own signature, by its card key, over a payload that a provider largely wrote. */
async function signedCard(): Promise<string> {
  const response = await fetch(`${stage.url}/a2a/${stage.market.agent}/.well-known/agent-card.json`);
  const { signatures, ...card } = (await response.json()) as {
    signatures: { protected: string; signature: string }[];
  };
  const payload = Buffer.from(canonicalJson(card)).toString('base64url');
  return `${signatures[0]?.protected}.${payload}.${signatures[0]?.signature}`;
}

describe('only a token for the gateway opens the gateway', () => {
  it.each(allBut('a token for the gateway'))('%s does not', async (kind) => {
    const token = await kinds[kind]();
    const calls = stage.agent.calls.length;
    const got = await (await openLine(stage.market, stage.acme, token)).call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([401, 'UNAUTHENTICATED']);
    expect(got.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(stage.agent.calls.length).toBe(calls);
  });
});

describe('only a management token opens the management API', () => {
  it.each(allBut('a management token'))('%s does not', async (kind) => {
    const response = await fetch(`${stage.url}/v1/providers/skyways`, {
      headers: { authorization: `Bearer ${await kinds[kind]()}` },
    });
    expect([response.status, await response.json()]).toMatchObject([401, { code: 'unauthorized' }]);
  });
});

describe('only a client assertion authenticates a client', () => {
  it.each(allBut('a client assertion'))('%s does not', async (kind) => {
    const client_assertion = await kinds[kind]();
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toMatch(
      /^401 invalid_client (?:client_assertion_subject|client_unknown|token_)/,
    );
  });
});

describe('only an issuer’s token, or one for the gateway or the agent, is a subject', () => {
  it.each(allBut('an ID token', 'a token for the gateway', 'a token for the agent'))(
    '%s is none',
    async (kind) => {
      const subject_token = await kinds[kind]();
      for (const subject_token_type of Object.values(tokenType))
        expect(
          await refusal(stage, () =>
            exchange(stage, { ...stage.acme, ...flights }, { subject_token, subject_token_type }),
          ),
        ).toMatch(/^400 invalid_request (?:token_\w+|subject_type_wrong)$/);
    },
  );

  it.each([tokenType.idToken, tokenType.jwt])('a broker token as %s is none', async (subject_token_type) => {
    const subject_token = await kinds['a token for the gateway']();
    expect(
      await refusal(stage, () =>
        exchange(stage, { ...stage.acme, ...flights }, { subject_token, subject_token_type }),
      ),
    ).toBe('400 invalid_request subject_type_wrong');
  });

  it('a management token is none, although its client is an agent', async () => {
    const subject_token = await kinds['a management token']();
    const subject_token_type = tokenType.accessToken;
    expect(
      await refusal(stage, () =>
        exchange(stage, { ...stage.acme, ...manager }, { subject_token, subject_token_type }),
      ),
    ).toBe('400 invalid_request token_audience_wrong');
  });
});

describe('a token of the right issuer and of another type', () => {
  const typed = async (typ: string, more = {}) => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300, ...more };
    return idp.sign(claims, { typ });
  };

  it.each([
    ['logout+jwt', 'idToken'],
    ['application/logout+jwt', 'idToken'],
    ['dpop+jwt', 'jwt'],
    ['oauth-id-jag+jwt', 'jwt'],
    ['oauth-id-jag+jwt', 'idToken'],
    ['client-authentication+jwt', 'jwt'],
    ['secevent+jwt', 'idToken'],
    ['token-introspection+jwt', 'accessToken'],
    ['entity-statement+jwt', 'jwt'],
    ['kb+jwt', 'jwt'],
    ['at+jwt', 'idToken'],
    ['AT+JWT', 'idToken'],
    ['', 'idToken'],
    ['JWT ', 'idToken'],
  ] as const)('%j is no %s', async (typ, type) => {
    const subject_token = await typed(typ);
    expect(
      await refusal(stage, () =>
        exchange(stage, stage.acme, { subject_token, subject_token_type: tokenType[type] }),
      ),
    ).toBe('400 invalid_request token_type_wrong');
  });

  it('a logout token without a type is given away by its events', async () => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    for (const typ of ['JWT', 'jwt']) {
      const subject_token = await typed(typ, { events });
      expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
        '400 invalid_request token_type_wrong',
      );
    }
  });

  it.each([
    'urn:ietf:params:oauth:token-type:refresh_token',
    'urn:ietf:params:oauth:token-type:saml2',
    'urn:ietf:params:oauth:token-type:id-jag',
    'ID_TOKEN',
    'constructor',
    '__proto__',
  ])('as a subject_token_type of %s is refused before it is read', async (subject_token_type) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token_type }))).toBe(
      '400 invalid_request subject_type_unknown',
    );
  });

  it.each([
    'urn:ietf:params:oauth:token-type:refresh_token',
    'urn:ietf:params:oauth:token-type:id_token',
    'urn:ietf:params:oauth:token-type:jwt',
  ])('is not made: %s', async (requested_token_type) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, { requested_token_type }))).toBe(
      '400 invalid_request requested_type_unknown',
    );
  });
});

it('an ID-JAG of the broker is no assertion here', async () => {
  const portal = await addProgram(stage, { id: 'acme', owner: 'tenant:acme', grantTypes: [bearerGrant] });
  const form = { grant_type: bearerGrant, assertion: await idJag(), audience: stage.market.agent };
  expect(await refusal(stage, () => ask(stage, portal, form))).toBe('400 invalid_grant assertion_of_broker');
});

it('the tokens used above are good where they belong', async () => {
  expect(tokenOf(await exchange(stage, stage.acme))).toBeTruthy();
  const gateway = await openLine(stage.market, stage.acme, await kinds['a token for the gateway']());
  expect((await gateway.call('SendMessage', say('hi'))).status).toBe(200);
});
