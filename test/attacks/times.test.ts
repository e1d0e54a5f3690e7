import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestClock, testClock } from '../support/clock.ts';
import { es256, forge } from './forge.ts';
import { openStage, type Stage } from './stage.ts';
import { exchange, refusal } from './token-endpoint.ts';

let clock: TestClock;
let stage: Stage;
beforeAll(async () => {
  clock = testClock(Math.floor(Date.now() / 1000) * 1000);
  stage = await openStage({ clock });
});
afterAll(() => stage.close());

const seconds = () => Math.floor(clock.now() / 1000);
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
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token: token }))).toBe(
      `400 invalid_request ${reason}`,
    );
  });

  it('that a clock behind ours would still take gives no token that has expired already', async () => {
    const { idp, issuer } = stage.acme;
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: seconds() - 60, exp: seconds() - 10 };
    const subject_token = await idp.sign(claims);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
      '400 invalid_request token_expired',
    );
  });
});

describe('a client assertion', () => {
  it.each(wrongTimes)('%s is refused', async (_, times, reason) => {
    const { client, clientId } = stage.acme;
    const claims = timed({ iss: clientId, sub: clientId, aud: stage.url, jti: randomUUID() }, times);
    const token = forge({ alg: 'ES256', kid: client.jwks.keys[0]?.kid }, claims, es256(client));
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion: token }))).toBe(
      `401 invalid_client ${reason}`,
    );
  });
});
