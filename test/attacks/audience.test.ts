import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say } from '../support/a2a.ts';
import {
  addCompany,
  addMarketAgentProgram,
  agree,
  type Company,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import { claimsOf, exchange, refusal, passOn, tokenOf, tokenType } from './token-endpoint.ts';

let stage: Stage;
let lodging: Company;
let flights: Program;
beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme]);
  await agree(stage, 'skyways', 'lodging');
});
afterAll(() => stage.close());

async function callAgent(agent: string, token: string): Promise<string> {
  const response = await fetch(`${stage.url}/a2a/${agent}/jsonrpc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') }),
  });
  const { error } = (await response.json()) as { error?: { data: { reason: string }[] } };
  return `${response.status} ${error?.data[0]?.reason ?? 'served'}`;
}

const tokenFor = async (agent: string, form = {}) =>
  tokenOf(await exchange(stage, stage.acme, { audience: agent, ...form }));

describe('a token for one agent', () => {
  it('has that agent for its sole audience', async () => {
    expect(claimsOf(await tokenFor('lodging/hotels'))['aud']).toBe(`${stage.url}/a2a/lodging/hotels`);
  });

  it('opens no other agent, of the same or of another company', async () => {
    const before = lodging.upstream.calls.length;
    expect(await callAgent('lodging/hotels', await tokenFor(stage.market.agent))).toBe('401 UNAUTHENTICATED');
    expect(lodging.upstream.calls.length).toBe(before);
    expect(await callAgent('lodging/hotels', await tokenFor('lodging/hotels'))).toBe('200 served');
  });

  it('that goes around the gateway does not open the gateway', async () => {
    const resource = lodging.upstream.url;
    const direct = await tokenFor('lodging/hotels', { resource });
    expect(claimsOf(direct)['aud']).toBe(resource);
    expect(await callAgent('lodging/hotels', direct)).toBe('401 UNAUTHENTICATED');
  });

  it('is continued by that agent’s program alone', async () => {
    for (const resource of [undefined, lodging.upstream.url]) {
      const received = await tokenFor('lodging/hotels', { resource });
      expect(
        await refusal(stage, () => passOn(stage, flights, received, { audience: stage.market.agent })),
      ).toBe('400 invalid_request token_audience_wrong');
    }
  });

  it('is not continued by the tenant’s own program, which it was issued to', async () => {
    const received = await tokenFor('lodging/hotels');
    expect(
      await refusal(stage, () => passOn(stage, stage.acme, received, { audience: 'lodging/hotels' })),
    ).toBe('400 invalid_request token_audience_wrong');
  });
});

describe('an ID token is for the program that it was issued to', () => {
  it.each([
    ['another program', { aud: 'another-app' }],
    ['several programs', { aud: ['app', 'another-app'] }],
    ['this one twice', { aud: ['app', 'app'] }],
    ['nobody', { aud: [] }],
    ['no audience', { aud: undefined }],
    ['an object', { aud: { app: true } }],
    ['a list in a list', { aud: [['app']] }],
    ['a program whose id begins so', { aud: 'app-2' }],
    ['capitals', { aud: 'APP' }],
    ['this one, asked for by another', { azp: 'another-app' }],
    ['this one, of another client', { client_id: 'another-app' }],
    ['the broker, without saying for whom', { aud: 'BROKER' }],
    ['the broker and this one', { aud: ['BROKER', 'app'] }],
    ['the broker, asked for by another', { aud: 'BROKER', azp: 'another-app' }],
    ['the broker with a slash', { aud: 'BROKER/', azp: 'app' }],
    ['the token endpoint', { aud: 'BROKER/oauth/token', azp: 'app' }],
    ['the client id that it has at the broker', { aud: 'acme-app' }],
  ])('not %s', async (_, change) => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300, ...change };
    const text = JSON.stringify(claims).replaceAll('BROKER', stage.url);
    const subject_token = await idp.sign(JSON.parse(text) as Record<string, unknown>);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
      '400 invalid_request token_audience_wrong',
    );
  });
});

describe('a client assertion is for this broker alone', () => {
  it.each([
    ['another server', 'https://other.example'],
    ['this one and another', ['BROKER', 'https://other.example']],
    ['this one twice', ['BROKER', 'BROKER']],
    ['the token endpoint', 'BROKER/oauth/token'],
    ['a slash more', 'BROKER/'],
    ['nobody', []],
    ['no audience', undefined],
    ['an object', { BROKER: true }],
  ])('not for %s', async (_, aud) => {
    const { client, clientId } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: clientId, sub: clientId, aud, jti: randomUUID(), iat: now, exp: now + 60 };
    const text = JSON.stringify(claims).replaceAll('BROKER', stage.url);
    const client_assertion = await client.sign(JSON.parse(text) as Record<string, unknown>);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toBe(
      '401 invalid_client token_audience_wrong',
    );
  });
});

describe('a target is one that is registered, exactly as it is registered', () => {
  it.each([
    'BROKER/a2a/skyways/flights/',
    'BROKER/a2a/skyways/flights?x=1',
    'BROKER/a2a/skyways/flights#x',
    'BROKER/a2a/skyways/flights/jsonrpc',
    'BROKER/a2a/skyways/FLIGHTS',
    'BROKER/a2a/skyways/%66lights',
    'BROKER/a2a/skyways/../lodging/hotels',
    'BROKER/a2a/skyways/*',
    'BROKER/a2a//skyways/flights',
    'BROKER/A2A/skyways/flights',
    'BROKER',
    'BROKER/',
    'https://unregistered.example/rpc',
    'urn:*',
    '*',
    'javascript:alert(1)',
  ])('not the resource %s', async (resource) => {
    const target = resource.replace('BROKER', stage.url);
    expect(
      await refusal(stage, () => exchange(stage, stage.acme, { audience: undefined, resource: target })),
    ).toBe('400 invalid_target target_unknown');
  });

  it.each([
    'skyways/*',
    '*/*',
    '*',
    'skyways',
    'skyways/',
    '/flights',
    'Skyways/flights',
    'skyways/flights ',
    'skyways//flights',
  ])('not the audience %j', async (audience) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, { audience }))).toBe(
      '400 invalid_target target_unknown',
    );
  });

  it('not two that differ', async () => {
    const resource = `${stage.url}/a2a/lodging/hotels`;
    expect(await refusal(stage, () => exchange(stage, stage.acme, { resource }))).toBe(
      '400 invalid_target target_ambiguous',
    );
  });

  it('not the broker itself, for a user', async () => {
    const form = { audience: undefined, resource: stage.url, subject_token_type: tokenType.idToken };
    expect(await refusal(stage, () => exchange(stage, stage.acme, form))).toBe(
      '400 invalid_target target_unknown',
    );
  });
});
