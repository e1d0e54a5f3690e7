import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
import { openStage, type Stage, type TokenResponse } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const now = () => Math.floor(Date.now() / 1000);

function assertion(
  changes: Record<string, unknown> = {},
  header: Record<string, string> = {},
): Promise<string> {
  const { providerClientId: id, providerClient } = stage.market;
  const claims = { iss: id, sub: id, aud: stage.url, jti: randomUUID(), iat: now(), exp: now() + 60 };
  return providerClient.sign({ ...claims, ...changes }, header);
}

const grantClaims = () => ({
  iss: stage.acme.issuer,
  sub: 'user-1',
  aud: stage.url,
  azp: 'app',
  jti: randomUUID(),
  iat: now(),
  exp: now() + 60,
});

/** The tenant's program redeems a JWT of its own company's issuer, honest but for the changes. */
const redeem = async (changes: Record<string, unknown>, form: Record<string, string | undefined> = {}) =>
  stage.exchange({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    subject_token: undefined,
    subject_token_type: undefined,
    assertion: await stage.acme.idp.sign({ ...grantClaims(), ...changes }),
    ...form,
  });

/** 200, or the status and error. */
const outcome = ({ status, body }: TokenResponse) => (status === 200 ? '200' : `${status} ${body.error}`);
const use = async (changes: Record<string, unknown>, header?: Record<string, string>) =>
  outcome(await stage.clientCredentials({ client_assertion: await assertion(changes, header) }));
const refused = '401 invalid_client';

describe('RFC 7523, JWT Profile for OAuth 2.0 Client Authentication and Authorization Grants', () => {
  describe('§2.1 Using JWTs as Authorization Grants', () => {
    it('takes one assertion, beside the client’s own, and narrows by scope', async () => {
      const { status, body } = await redeem({}, { scope: 'a2a:read' });
      expect([status, body]).toEqual([
        200,
        { access_token: expect.any(String), token_type: 'Bearer', expires_in: 60, scope: 'a2a:read' },
      ]);
      expect(outcome(await redeem({}, { assertion: undefined }))).toBe('400 invalid_request');
      expect(outcome(await redeem({}, { assertion: '' }))).toBe('400 invalid_request');
      expect(outcome(await redeem({}, { scope: 'flights:none' }))).toBe('400 invalid_scope');
    });

    it('does not do without client authentication: the assertion alone proves nobody', async () => {
      expect(outcome(await redeem({}, { client_assertion: undefined }))).toBe('401 invalid_client');
    });
  });

  describe('§2.2 Using JWTs for Client Authentication', () => {
    it('takes client_assertion with the type for JWTs', async () => {
      expect(await use({})).toBe('200');
      const other = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer';
      expect(outcome(await stage.clientCredentials({ client_assertion_type: other }))).toBe(refused);
      expect(outcome(await stage.clientCredentials({ client_assertion_type: undefined }))).toBe(refused);
      expect(outcome(await stage.clientCredentials({ client_assertion: undefined }))).toBe(refused);
    });

    it('takes client_id as well, when it is the assertion’s subject', async () => {
      expect(outcome(await stage.clientCredentials({ client_id: 'skyways-usage' }))).toBe('200');
      expect(outcome(await stage.clientCredentials({ client_id: 'acme-app' }))).toBe(refused);
    });

    it('knows no secrets: they are no substitute', async () => {
      const form = { client_assertion: undefined, client_assertion_type: undefined, client_secret: 'x' };
      expect(outcome(await stage.clientCredentials({ ...form, client_id: 'skyways-usage' }))).toBe(refused);
    });
  });

  describe('§3 JWT Format and Processing Requirements', () => {
    it('1: iss must be there, and the client', async () => {
      expect(await use({ iss: undefined })).toBe(refused);
      expect(await use({ iss: 'acme-app' })).toBe(refused);
    });

    it('2.B: sub must be there, and the client', async () => {
      expect(await use({ sub: undefined })).toBe(refused);
      expect(await use({ sub: 'acme-app' })).toBe(refused);
    });

    it('3: aud must identify this authorization server', async () => {
      expect(await use({ aud: [stage.url] })).toBe('200');
      expect(await use({ aud: undefined })).toBe(refused);
      expect(await use({ aud: 'https://other.example' })).toBe(refused);
    });

    it('3, stricter: and nobody else, so that what is made for others does not work here', async () => {
      expect(await use({ aud: [stage.url, 'https://other.example'] })).toBe(refused);
      expect(await use({ aud: `${stage.url}/oauth/token` })).toBe(refused);
    });

    it('4: exp must be there, not passed, and not unreasonably far away', async () => {
      expect(await use({ exp: undefined })).toBe(refused);
      expect(await use({ exp: now() - 60 })).toBe(refused);
      expect(await use({ exp: now() + 3600 })).toBe(refused);
      expect(await use({ exp: now() + 299 })).toBe('200');
    });

    it('5: nbf may be there and must have come', async () => {
      expect(await use({ nbf: now() })).toBe('200');
      expect(await use({ nbf: now() + 60 })).toBe(refused);
    });

    it('6: iat may not be unreasonably far in the past', async () => {
      expect(await use({ iat: now() - 200 })).toBe('200');
      expect(await use({ iat: now() - 600 })).toBe(refused);
    });

    it('7: jti makes it good for one use', async () => {
      const once = await assertion();
      expect(outcome(await stage.clientCredentials({ client_assertion: once }))).toBe('200');
      expect(outcome(await stage.clientCredentials({ client_assertion: once }))).toBe(refused);
      expect(await use({ jti: undefined })).toBe(refused);
    });

    it('8: other claims may be there', async () => {
      expect(await use({ colour: 'blue', nested: { a: [1] } })).toBe('200');
    });

    it('9: it must be signed by the client’s key', async () => {
      const id = 'skyways-usage';
      const claims = { iss: id, sub: id, aud: stage.url, jti: randomUUID(), iat: now(), exp: now() + 60 };
      const kid = stage.market.providerClient.jwks.keys[0]?.kid ?? '';
      const foreign = await (await newParty()).sign(claims, { kid });
      expect(outcome(await stage.clientCredentials({ client_assertion: foreign }))).toBe(refused);
    });

    it('10: it must be valid in all other respects (RFC 7519 §7.2)', async () => {
      const [header = '', claims = ''] = (await assertion()).split('.');
      for (const broken of ['x', `${header}.${claims}`, `${header}.${claims}.`, `.${claims}.x`])
        expect(outcome(await stage.clientCredentials({ client_assertion: broken }))).toBe(refused);
    });
  });

  describe('§3 as an authorization grant', () => {
    it.each([
      ['1: iss must be there, and one that a tenant vouches for', { iss: undefined }],
      ['1: iss must be there, and one that a tenant vouches for', { iss: 'https://login.nobody.example' }],
      ['2.A: sub must be there', { sub: undefined }],
      ['3: aud must identify this authorization server', { aud: 'https://other.example' }],
      ['3, stricter: and nobody else', { aud: ['URL', 'https://other.example'] }],
      ['4: exp must be there', { exp: undefined }],
      ['4: exp must not have passed', { exp: 1 }],
      ['5: nbf must have come', { nbf: 9_999_999_999 }],
      ['6, stricter: iat must be there', { iat: undefined }],
      ['6: iat may not be unreasonably far in the past', { iat: 1 }],
      ['7, stricter: jti must be there', { jti: undefined }],
    ])('%s', async (_, changes: Record<string, unknown>) => {
      const aud = Array.isArray(changes['aud']) ? [stage.url, 'https://other.example'] : changes['aud'];
      expect(outcome(await redeem('aud' in changes ? { aud } : changes))).toBe('400 invalid_grant');
    });

    it('7: jti makes it good for one use', async () => {
      const jti = randomUUID();
      expect(outcome(await redeem({ jti }))).toBe('200');
      expect(outcome(await redeem({ jti }))).toBe('400 invalid_grant');
    });

    it('9: it must be signed by the issuer’s key', async () => {
      const foreign = await (
        await newParty()
      ).sign(grantClaims(), {
        kid: stage.acme.idp.jwks.keys[0]?.kid ?? '',
      });
      expect(outcome(await redeem({}, { assertion: foreign }))).toBe('400 invalid_grant');
    });
  });

  describe('§3.1 Authorization Grant Processing', () => {
    it('answers invalid_grant, and does not tell why', async () => {
      const answers = await Promise.all(
        [{ aud: 'https://other.example' }, { exp: 1 }, { iss: 'https://login.nobody.example' }].map(
          async (changes) => redeem(changes),
        ),
      );
      expect(answers.map(outcome)).toEqual(Array(3).fill('400 invalid_grant'));
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    });
  });

  describe('§3.2 Client Authentication Processing', () => {
    it('answers invalid_client, and does not tell why', async () => {
      const answers = await Promise.all(
        [{ aud: 'https://other.example' }, { exp: now() - 60 }, { iss: 'nobody', sub: 'nobody' }].map(
          async (changes) => stage.clientCredentials({ client_assertion: await assertion(changes) }),
        ),
      );
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    });
  });
});
