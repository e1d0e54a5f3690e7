import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearerGrant, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

describe('ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant-04', () => {
  describe('§4.4.1 Processing Rules, as the resource authorization server', () => {
    const redeem = async (changes: Record<string, unknown>) => {
      const { status, body } = await stage.exchange({
        grant_type: bearerGrant,
        subject_token: undefined,
        subject_token_type: undefined,
        assertion: await stage.idJag(changes),
      });
      return status === 200 ? body : `${status} ${body.error}`;
    };

    it('aud is our issuer: as a text, or as the only one of a list', async () => {
      expect(await redeem({})).toMatchObject({ token_type: 'Bearer' });
      expect(await redeem({ aud: [stage.url] })).toMatchObject({ token_type: 'Bearer' });
      for (const aud of ['https://other.example', [stage.url, 'https://other.example'], [], undefined])
        expect(await redeem({ aud })).toBe('400 invalid_grant');
    });

    it('client_id is the client that authenticates', async () => {
      expect(await redeem({ client_id: 'globex-app' })).toBe('400 invalid_grant');
      expect(await redeem({ client_id: undefined })).toBe('400 invalid_grant');
    });

    it('scope and resource are the most that is granted, and the answer says what was', async () => {
      expect(await redeem({ scope: 'a2a:read chat.history' })).toMatchObject({ scope: 'a2a:read' });
      expect(await redeem({ scope: 'chat.history' })).toBe('400 invalid_scope');
      expect(await redeem({ resource: `${stage.url}/a2a/skyways/trains` })).toBe('400 invalid_target');
    });

    it('§4.4.3 there is no refresh token', async () => {
      expect(await redeem({})).not.toHaveProperty('refresh_token');
    });
  });

  describe('§7.1 Identity Provider Metadata, §7.2 Resource Authorization Server Metadata', () => {
    it('says that we issue ID-JAGs and redeem those of others, in both documents', async () => {
      for (const document of ['oauth-authorization-server', 'openid-configuration']) {
        const metadata: unknown = await (await fetch(`${stage.url}/.well-known/${document}`)).json();
        expect(metadata).toMatchObject({
          identity_chaining_requested_token_types_supported: ['urn:ietf:params:oauth:token-type:id-jag'],
          authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
          grant_types_supported: expect.arrayContaining([
            'urn:ietf:params:oauth:grant-type:token-exchange',
            'urn:ietf:params:oauth:grant-type:jwt-bearer',
          ]) as string[],
        });
      }
    });
  });
});
