import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

/** As a resource server does it (§4), with nothing but what the broker publishes. */
async function verify(token: string | undefined, audience: string) {
  const metadata = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
  const { issuer, jwks_uri } = (await metadata.json()) as { issuer: string; jwks_uri: string };
  return jwtVerify(token ?? '', createRemoteJWKSet(new URL(jwks_uri)), {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
  });
}

describe('RFC 9068, JWT Profile for OAuth 2.0 Access Tokens', () => {
  const kinds = [
    ['a token for an agent', () => stage.exchange(), () => `${stage.url}/a2a/skyways/flights`, 'acme-app'],
    ['a management token', () => stage.clientCredentials(), () => stage.url, 'skyways-usage'],
  ] as const;

  it.each(kinds)('§2.1 Header: %s has typ at+jwt, an asymmetric algorithm and a key id', async (_, get) => {
    const { access_token } = (await get()).body;
    expect(decodeProtectedHeader(access_token ?? '')).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: expect.any(String),
    });
  });

  it.each(kinds)(
    '§2.2 Data Structure: %s has every claim that is required',
    async (_, get, audience, client) => {
      const { payload } = await verify((await get()).body.access_token, audience());
      expect(payload).toMatchObject({
        iss: stage.url,
        aud: audience(),
        sub: expect.stringMatching(/./),
        client_id: client,
        jti: expect.stringMatching(/./),
      });
      expect(Math.abs(Date.now() / 1000 - (payload.iat ?? 0))).toBeLessThan(5);
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    },
  );

  it('§2.2 sub: is the client itself where no user is involved', async () => {
    const { payload } = await verify((await stage.clientCredentials()).body.access_token, stage.url);
    expect(payload.sub).toBe('skyways-usage');
  });

  it('§2.2.3 Authorization Claims: scope is what was granted', async () => {
    const { body } = await stage.exchange({ scope: 'a2a:read' });
    const { payload } = await verify(body.access_token, `${stage.url}/a2a/skyways/flights`);
    expect(payload['scope']).toBe('a2a:read');
    expect(body.scope).toBe('a2a:read');
  });

  it('§3 Requesting: the audience is the resource that was asked for', async () => {
    const resource = `${stage.url}/a2a/skyways/trains`;
    const { body } = await stage.exchange({ audience: undefined, resource });
    expect((await verify(body.access_token, resource)).payload.aud).toBe(resource);
  });

  it('§4 Validating: fails for another audience', async () => {
    const { body } = await stage.exchange();
    await expect(verify(body.access_token, stage.url)).rejects.toMatchObject({
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    });
  });

  it('§5 Security: the sub of a user is never a client’s id, and of each provider its own', async () => {
    const { body } = await stage.exchange();
    const { payload } = await verify(body.access_token, `${stage.url}/a2a/skyways/flights`);
    expect(payload.sub).toMatch(/^v1\./);
    expect(payload.sub).not.toContain('user-1');
  });

  it('§5 Security: every token has an id of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => stage.exchange()));
    const ids = await Promise.all(
      answers.map(
        async ({ body }) => (await verify(body.access_token, `${stage.url}/a2a/skyways/flights`)).payload.jti,
      ),
    );
    expect(new Set(ids).size).toBe(8);
  });
});
