import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { call, type MarketTenant } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { es256, forge } from './forge.ts';
import { addCompany, addMarketAgentProgram, addProgram, agree, openStage, type Stage } from './stage.ts';
import {
  ask,
  assertionAt,
  claimsOf,
  exchange,
  expectRefused,
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
const tenYears = 10 * 365 * 86_400;

/** Claims whose times are seconds from now; texts are written as they are. */
type Times = Readonly<Record<string, number | string | null | undefined>>;

/** What may be wrong with `exp`, `iat` and `nbf`, whoever signs. */
const wrongTimes: readonly (readonly [string, Times, string])[] = [
  ['expired', { exp: -31 }, 'token_expired'],
  ['expired long ago', { exp: -tenYears, iat: -tenYears - 10 }, 'token_expired'],
  ['that lives ten years', { exp: tenYears }, 'token_lifetime_too_long'],
  ['that lives ten years, counted from 1970', { exp: 60, iat: '0' }, 'token_lifetime_too_long'],
  ['of the future', { iat: 31, exp: 60 }, 'token_not_yet_valid'],
  ['that is not valid yet', { nbf: 31 }, 'token_not_yet_valid'],
  ['without an expiry', { exp: undefined }, 'token_malformed'],
  ['without a time of issue', { iat: undefined }, 'token_malformed'],
  ['whose expiry is null', { exp: null }, 'token_malformed'],
  ['whose expiry is a text', { exp: '"9999999999"' }, 'token_malformed'],
  ['whose expiry is a list', { exp: '[9999999999]' }, 'token_malformed'],
  ['whose expiry is infinite', { exp: '1e999' }, 'token_malformed'],
  ['whose expiry is beyond all time', { exp: '1e300' }, 'token_malformed'],
  ['whose expiry is in milliseconds', { exp: 'MS' }, 'token_malformed'],
  ['whose expiry is negative', { exp: '-1' }, 'token_malformed'],
  ['whose start is a text', { nbf: '"now"' }, 'token_malformed'],
];

function timed(claims: Record<string, unknown>, times: Times): string {
  const members = Object.entries({ iat: 0, exp: 60, ...times }).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const written = typeof value === 'number' ? String(seconds() + value) : String(value);
    return [`"${name}":${written.replace('MS', String(clock.now() + 60_000))}`];
  });
  return `${JSON.stringify(claims).slice(0, -1)},${members.join(',')}}`;
}

describe('a subject token', () => {
  it.each(wrongTimes)('%s is refused', async (_, times, reason) => {
    const { idp, issuer } = stage.acme;
    const claims = timed({ iss: issuer, sub: 'u', aud: 'app' }, times);
    const token = forge({ alg: 'ES256', kid: idp.jwks.keys[0]?.kid }, claims, es256(idp));
    await expectRefused(stage, () => exchange(stage, stage.acme, { subject_token: token }), {
      error: 'invalid_request',
      reason,
    });
  });

  it('that a clock behind ours would still take gives no token that has expired already', async () => {
    const { idp, issuer } = stage.acme;
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: seconds() - 60, exp: seconds() - 10 };
    const subject_token = await idp.sign(claims);
    await expectRefused(stage, () => exchange(stage, stage.acme, { subject_token }), {
      error: 'invalid_request',
      reason: 'token_expired',
    });
  });
});

describe('a client assertion', () => {
  it.each(wrongTimes)('%s is refused', async (_, times, reason) => {
    const { client, clientId } = stage.acme;
    const claims = timed({ iss: clientId, sub: clientId, aud: stage.url, jti: randomUUID() }, times);
    const token = forge({ alg: 'ES256', kid: client.jwks.keys[0]?.kid }, claims, es256(client));
    await expectRefused(stage, () => exchange(stage, stage.acme, { client_assertion: token }), {
      error: 'invalid_client',
      status: 401,
      reason,
    });
  });

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
    await expectRefused(stage, () => passOn(stage, flights, received, form), {
      error: 'invalid_request',
      reason: 'token_expired',
    });
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
