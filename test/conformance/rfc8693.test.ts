import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
import { openStage, type Stage, type TokenResponse, tokenType } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const refused = ({ status, body }: TokenResponse) => `${status} ${body.error}`;
const claimsOf = ({ body }: TokenResponse) => decodeJwt(body.access_token ?? '');
const now = () => Math.floor(Date.now() / 1000);

describe('RFC 8693, OAuth 2.0 Token Exchange', () => {
  describe('§2.1 Request', () => {
    it.each([
      ['subject_token', '400 invalid_request'],
      ['subject_token_type', '400 invalid_request'],
      ['grant_type', '400 invalid_request'],
      ['audience', '400 invalid_request'],
    ])('without %s is refused', async (name, expected) => {
      expect(refused(await stage.exchange({ [name]: undefined }))).toBe(expected);
    });

    it('names its target by audience, by resource, or by both when they agree', async () => {
      const resource = `${stage.url}/a2a/${stage.market.agent}`;
      const answers = [
        await stage.exchange(),
        await stage.exchange({ audience: undefined, resource }),
        await stage.exchange({ resource }),
      ];
      expect(answers.map((answer) => claimsOf(answer).aud)).toEqual([resource, resource, resource]);
      expect(refused(await stage.exchange({ resource: `${stage.url}/a2a/skyways/trains` }))).toBe(
        '400 invalid_target',
      );
    });

    it('has no actor_token_type without an actor_token, and no actor_token without its type', async () => {
      expect(refused(await stage.exchange({ actor_token_type: tokenType.jwt }))).toBe('400 invalid_request');
      expect(refused(await stage.exchange({ actor_token: await stage.acme.idToken() }))).toBe(
        '400 invalid_request',
      );
    });

    it('may ask for an access token, or for an ID-JAG where the target takes one', async () => {
      const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
      expect(refused(await stage.exchange({ requested_token_type: idJag }))).toBe('400 invalid_request');
      expect((await stage.exchange({ requested_token_type: tokenType.accessToken })).status).toBe(200);
      for (const type of [tokenType.idToken, 'urn:ietf:params:oauth:token-type:refresh_token', 'x'])
        expect(refused(await stage.exchange({ requested_token_type: type }))).toBe('400 invalid_request');
    });
  });

  describe('§2.2.1 Successful Response', () => {
    it('says what was issued, of which type, for how long and with which scope', async () => {
      const { status, body } = await stage.exchange({ scope: 'a2a:read everything' });
      expect(status).toBe(200);
      expect(body).toEqual({
        access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        issued_token_type: tokenType.accessToken,
        token_type: 'Bearer',
        expires_in: expect.any(Number),
        scope: 'a2a:read',
      });
    });

    it('lives no longer than what it came from', async () => {
      const { issuer, idp } = stage.acme;
      const expiresAt = now() + 60;
      const claims = { iss: issuer, sub: 'user-1', aud: 'app', iat: now(), exp: expiresAt };
      const answer = await stage.exchange({ subject_token: await idp.sign(claims) });
      expect(claimsOf(answer).exp).toBe(expiresAt);
      expect(answer.body.expires_in).toBeLessThanOrEqual(60);
    });
  });

  describe('§2.2.2 Error Response', () => {
    it('is invalid_request for a subject token that is not acceptable, whatever is wrong with it', async () => {
      const { issuer, idp } = stage.acme;
      const good = { iss: issuer, sub: 'user-1', aud: 'app', iat: now(), exp: now() + 60 };
      const bad = [
        'x',
        await idp.sign({ ...good, exp: now() - 60 }),
        await idp.sign({ ...good, aud: 'other' }),
        await idp.sign({ ...good, iss: 'https://nobody.example' }),
        await (await newParty()).sign(good),
      ];
      const answers = await Promise.all(bad.map((subject_token) => stage.exchange({ subject_token })));
      expect(answers.map(refused)).toEqual(bad.map(() => '400 invalid_request'));
      expect(new Set(answers.map(({ body }) => body.error_description)).size).toBe(1);
    });

    it('is invalid_request for an actor token that is not acceptable', async () => {
      const actor = { actor_token: 'x', actor_token_type: tokenType.jwt };
      expect(refused(await stage.exchange(actor))).toBe('400 invalid_request');
    });

    it('is invalid_target for a target that there is not, or not for this client', async () => {
      expect(refused(await stage.exchange({ audience: 'skyways/none' }))).toBe('400 invalid_target');
      expect(refused(await stage.exchange({ audience: undefined, resource: 'https://x.example' }))).toBe(
        '400 invalid_target',
      );
    });
  });

  describe('§3 Token Type Identifiers', () => {
    it.each(Object.values(tokenType))('takes a subject token as %s', async (subject_token_type) => {
      expect((await stage.exchange({ subject_token_type })).status).toBe(200);
    });

    it.each(['saml1', 'saml2', 'refresh_token'])('takes no %s', async (name) => {
      const subject_token_type = `urn:ietf:params:oauth:token-type:${name}`;
      expect(refused(await stage.exchange({ subject_token_type }))).toBe('400 invalid_request');
    });
  });

  describe('§4.1 act (Actor) Claim', () => {
    it('names who acts, with those before nested inside, newest first', async () => {
      const first = await stage.exchange();
      const second = await stage.passOn(first.body.access_token ?? '');
      const app = { iss: stage.url, sub: 'acme-app', client_id: 'acme-app' };
      expect(claimsOf(first)['act']).toEqual(app);
      expect(claimsOf(second)['act']).toEqual({
        iss: stage.url,
        sub: 'skyways-flights',
        client_id: 'skyways-flights',
        act: app,
      });
    });

    it('has no claims in it that are about the token: exp, nbf, aud', async () => {
      const { body } = await stage.exchange();
      const { act } = claimsOf(await stage.passOn(body.access_token ?? ''));
      expect(JSON.stringify(act)).not.toMatch(/"(?:exp|nbf|aud)"/);
    });
  });

  describe('§4.1 act in what others issued', () => {
    it('stays in the chain, behind the client, under its issuer’s name', async () => {
      const { issuer, idp } = stage.acme;
      const claims = { iss: issuer, sub: 'user-1', aud: 'app', iat: now(), exp: now() + 60 };
      const withAct = await idp.sign({ ...claims, act: { sub: 'portal' } });
      expect(claimsOf(await stage.exchange({ subject_token: withAct }))['act']).toEqual({
        iss: stage.url,
        sub: 'acme-app',
        client_id: 'acme-app',
        act: { iss: issuer, sub: 'portal' },
      });
      const forged = await idp.sign({ ...claims, act: { iss: stage.url, sub: 'skyways-flights' } });
      expect(refused(await stage.exchange({ subject_token: forged }))).toBe('400 invalid_request');
    });
  });

  describe('§4.4 may_act (Authorized Actor) Claim', () => {
    const exchangeWith = async (may_act: unknown, aud = stage.url) => {
      const { issuer, idp } = stage.acme;
      const claims = { iss: issuer, sub: 'user-1', aud, iat: now(), exp: now() + 60, may_act };
      return stage.exchange({ subject_token: await idp.sign(claims) });
    };

    it('lets the one that it names act: by the issuer’s name for it, or by ours', async () => {
      expect((await exchangeWith({ sub: 'app' })).status).toBe(200);
      expect((await exchangeWith({ iss: stage.url, sub: 'acme-app' })).status).toBe(200);
      expect(refused(await exchangeWith({ sub: 'other' }))).toBe('400 invalid_request');
      expect(refused(await exchangeWith(undefined))).toBe('400 invalid_request');
    });

    it('keeps everybody else from it, also whom the token was issued to', async () => {
      expect((await exchangeWith({ sub: 'app' }, 'app')).status).toBe(200);
      expect(refused(await exchangeWith({ sub: 'other' }, 'app'))).toBe('400 invalid_request');
    });

    it('is about one hop: what is issued has none', async () => {
      expect(claimsOf(await exchangeWith({ sub: 'app' }))).not.toHaveProperty('may_act');
    });
  });

  describe('§4.2 scope and §4.3 client_id Claims', () => {
    it('are what was granted and to whom', async () => {
      const answer = await stage.exchange({ scope: 'a2a:invoke' });
      expect(claimsOf(answer)).toMatchObject({ scope: 'a2a:invoke', client_id: 'acme-app' });
    });
  });

  describe('§1.1 Delegation', () => {
    it('keeps the subject and never widens what it was given', async () => {
      const first = await stage.exchange({ scope: 'a2a:invoke' });
      const second = await stage.passOn(first.body.access_token ?? '', { scope: 'a2a:invoke a2a:read' });
      expect(claimsOf(second)).toMatchObject({
        sub: claimsOf(first).sub,
        tenant: 'acme',
        txn: claimsOf(first)['txn'],
        scope: 'a2a:invoke',
      });
      expect(claimsOf(second).exp).toBeLessThanOrEqual(claimsOf(first).exp ?? 0);
    });
  });

  describe('§2.1 subject_token of somebody else', () => {
    it('is refused from a client that it was not issued to', async () => {
      const { body } = await stage.exchange();
      const again = { subject_token: body.access_token, subject_token_type: tokenType.accessToken };
      expect(refused(await stage.exchange(again))).toBe('400 invalid_request');
      expect(refused(await stage.passOn(await stage.acme.idToken()))).toBe('400 invalid_request');
    });
  });
});
