import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { call, type MarketTenant } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { addCompany, addMarketAgentProgram, addProgram, agree, openStage, type Stage } from './stage.ts';
import {
  ask,
  assertionAt,
  claimsOf,
  exchange,
  refusal,
  managementToken,
  passOn,
  tokenOf,
} from './token-endpoint.ts';

let clock: TestClock;
let stage: Stage;
beforeEach(async () => {
  clock = testClock(Math.floor(Date.now() / 1000) * 1000);
  stage = await openStage({ clock });
});
afterEach(() => stage.close());

const seconds = () => Math.floor(clock.now() / 1000);
const later = (ms: number) => new Date(clock.now() + ms).toISOString();

describe('a client assertion', () => {
  it('cannot be used again in the last moment of its life, nor after it', async () => {
    const { client, clientId } = stage.acme;
    const client_assertion = await clientAssertion(client, clientId, stage.url);
    expect((await exchange(stage, stage.acme, { client_assertion })).status).toBe(200);
    for (const ms of [59_000, 30_000, 1000, 3_600_000]) {
      clock.advance(ms);
      const reply = await exchange(stage, stage.acme, { client_assertion });
      expect([reply.status, reply.body.error]).toEqual([401, 'invalid_client']);
    }
  });
});

describe('a token of ours', () => {
  it('ends at the gateway with the second that it names, whatever the caller’s clock says', async () => {
    const token = tokenOf(await exchange(stage, stage.acme));
    const line = await openLine(stage.market, stage.acme, token);
    clock.advance((Number(claimsOf(token)['exp']) - seconds() - 1) * 1000);
    expect((await line.call('SendMessage', say('hi'))).status).toBe(200);
    clock.advance(1000);
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('UNAUTHENTICATED');
  });

  it('gives the agent no token that lives longer', async () => {
    const token = tokenOf(await exchange(stage, stage.acme));
    const line = await openLine(stage.market, stage.acme, token);
    for (const ms of [0, 160_000, 100_000]) {
      clock.advance(ms);
      await line.call('SendMessage', say('hi'));
      const sent = stage.agent.calls.at(-1)?.headers.authorization?.slice(7) ?? '';
      expect(Number(claimsOf(sent)['exp'])).toBeLessThanOrEqual(Number(claimsOf(token)['exp']));
      expect(Number(claimsOf(sent)['exp'])).toBeGreaterThan(seconds());
    }
  });

  it('is not continued once it has expired', async () => {
    const flights = await addMarketAgentProgram(stage);
    const received = tokenOf(await exchange(stage, stage.acme));
    clock.advance(300_000);
    const form = {
      audience: stage.market.agent,
      client_assertion: await assertionAt(flights, stage.url, seconds()),
    };
    expect(await refusal(stage, () => passOn(stage, flights, received, form))).toBe(
      '400 invalid_request token_expired',
    );
  });

  it('for the management API ends as well', async () => {
    const program = await addProgram(stage, {
      id: 'reader',
      owner: 'provider:skyways',
      scopes: ['registry:read'],
    });
    const token = await managementToken(stage, program);
    const read = () =>
      fetch(`${stage.url}/v1/providers/skyways`, { headers: { authorization: `Bearer ${token}` } });
    expect((await read()).status).toBe(200);
    clock.advance(300_000);
    expect((await read()).status).toBe(401);
  });
});

describe('a right that was given for a time', () => {
  it('ends with it: a subscription', async () => {
    const lodging = await addCompany(stage, 'lodging/hotels');
    await call(stage, 'POST', '/v1/tenants/acme/subscriptions', {
      agent: lodging.agent,
      expiresAt: later(60_000),
    });
    expect((await exchangeNow(stage.acme, { audience: lodging.agent })).status).toBe(200);
    clock.advance(60_000);
    const expired = await exchangeNow(stage.acme, { audience: lodging.agent });
    expect(expired.body.error).toBe('invalid_target');
  });

  it('ends with it: an agreement, also for the tokens that rest on it', async () => {
    const flights = await addMarketAgentProgram(stage);
    const lodging = await addCompany(stage, 'lodging/hotels', [stage.acme]);
    await agree(stage, 'skyways', 'lodging', { expiresAt: later(60_000) });
    const received = tokenOf(await exchange(stage, stage.acme));
    const second = tokenOf(await passOn(stage, flights, received, { audience: lodging.agent }));
    const line = await openLine({ ...stage.market, agent: lodging.agent }, stage.acme, second);
    expect((await line.call('SendMessage', say('hi'))).status).toBe(200);
    clock.advance(60_000);
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('AGREEMENT_REVOKED');
    const again = await passOn(stage, flights, received, {
      audience: lodging.agent,
      client_assertion: await assertionAt(flights, stage.url, seconds()),
    });
    expect(again.body.error).toBe('invalid_target');
  });

  it('ends with it: the trust in an issuer, also for the tokens that came of it', async () => {
    const idp = await newParty();
    const issuer = 'https://short.acme.example';
    await call(stage, 'POST', '/v1/tenants/acme/issuers', {
      issuer,
      jwks: idp.jwks,
      expiresAt: later(60_000),
    });
    const program = await addProgram(stage, {
      id: 'acme-short',
      owner: 'tenant:acme',
      issuerClientIds: { [issuer]: 'app' },
    });
    const tenant = { ...stage.acme, ...program };
    const subject = () =>
      idp.sign({ iss: issuer, sub: 'u', aud: 'app', iat: seconds(), exp: seconds() + 300 });
    const token = tokenOf(await exchangeNow(tenant, { subject_token: await subject() }));
    const line = await openLine(stage.market, stage.acme, token);
    expect((await line.call('SendMessage', say('hi'))).status).toBe(200);
    clock.advance(60_000);
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('TENANT_CONTEXT_INVALID');
    const after = await exchangeNow(tenant, { subject_token: await subject() });
    expect(after.body.error).toBe('invalid_request');
  });

  it.each([
    ['/v1/tenants/acme/subscriptions', { agent: 'skyways/flights' }],
    ['/v1/agreements', { from: 'provider:skyways', to: 'tenant:acme' }],
    ['/v1/tenants/acme/issuers', { issuer: 'https://late.acme.example', jwks: { keys: [] } }],
  ])('cannot be given for a time that is over: %s', async (path, body) => {
    const jwks = (await newParty()).jwks;
    const given = 'jwks' in body ? { ...body, jwks } : body;
    await expect(call(stage, 'POST', path, { ...given, expiresAt: later(-1000) })).rejects.toThrow('400');
  });
});

async function exchangeNow(tenant: MarketTenant, form: Record<string, string>) {
  const claims = { iss: tenant.issuer, sub: 'u', aud: 'app', iat: seconds(), exp: seconds() + 300 };
  return ask(stage, tenant, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: await tenant.idp.sign(claims),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    audience: stage.market.agent,
    client_assertion: await assertionAt(tenant, stage.url, seconds()),
    ...form,
  });
}
