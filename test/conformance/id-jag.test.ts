import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

describe('ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant-04', () => {
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
