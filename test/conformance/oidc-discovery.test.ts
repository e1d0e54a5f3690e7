import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let response: Response;
let metadata: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  stage = await openStage();
  response = await fetch(`${stage.url}/.well-known/openid-configuration`);
  metadata = (await response.json()) as typeof metadata;
});
afterAll(() => stage.close());

describe('OpenID Connect Discovery 1.0, as far as readers of keys need it', () => {
  it('§4 is at the well-known location, as JSON', () => {
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
  });

  it('§4.3 names the issuer from which its location was made', () => {
    expect(metadata['issuer']).toBe(stage.url);
  });

  it('§3 says the same as the OAuth metadata, and more', async () => {
    const oauth = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
    expect(metadata).toMatchObject((await oauth.json()) as object);
  });

  it('§3 has the members that its readers look for', () => {
    expect(metadata).toMatchObject({
      jwks_uri: `${stage.url}/.well-known/jwks.json`,
      response_types_supported: [],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });

  it('§3, not met: nobody signs in here, so there is no authorization endpoint', () => {
    expect(metadata).not.toHaveProperty('authorization_endpoint');
  });
});
