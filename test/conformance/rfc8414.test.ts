import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let response: Response;
let metadata: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  stage = await openStage();
  response = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
  metadata = (await response.json()) as typeof metadata;
});
afterAll(() => stage.close());

describe('RFC 8414, OAuth 2.0 Authorization Server Metadata', () => {
  describe('§2 Authorization Server Metadata', () => {
    it('has the issuer as tokens name it, without query or fragment', () => {
      expect(metadata['issuer']).toBe(stage.url);
      expect(stage.url).not.toMatch(/[?#]/);
    });

    it('has addresses that answer', async () => {
      expect((await fetch(String(metadata['jwks_uri']))).status).toBe(200);
      for (const name of ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint']) {
        const answer = await fetch(String(metadata[name]), { method: 'POST' });
        expect([name, answer.status, await answer.json()]).toEqual([
          name,
          400,
          expect.objectContaining({ error: 'invalid_request' }),
        ]);
      }
    });

    it('has no authorization endpoint, and therefore no response types', () => {
      expect(metadata).not.toHaveProperty('authorization_endpoint');
      expect(metadata['response_types_supported']).toEqual([]);
    });

    it('lists the grants that the token endpoint knows, and no other', async () => {
      expect(metadata['grant_types_supported']).toEqual([
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        'client_credentials',
      ]);
      const tried = [
        ...(metadata['grant_types_supported'] as string[]),
        'authorization_code',
        'refresh_token',
      ];
      const errors = await Promise.all(
        tried.map(async (grant_type) => (await stage.post([['grant_type', grant_type]])).body.error),
      );
      expect(errors).toEqual([
        'invalid_client',
        'invalid_client',
        'invalid_client',
        'unsupported_grant_type',
        'unsupported_grant_type',
      ]);
    });

    it('lists how clients authenticate: by a key of their own, never by a secret', () => {
      expect(metadata['token_endpoint_auth_methods_supported']).toEqual(['private_key_jwt']);
      expect(metadata['token_endpoint_auth_signing_alg_values_supported']).toEqual(
        expect.arrayContaining(['ES256', 'EdDSA']),
      );
      expect(metadata['token_endpoint_auth_signing_alg_values_supported']).not.toContain('none');
      // In the same way at the other two endpoints: without these, clients would take `client_secret_basic` for granted.
      for (const endpoint of ['introspection', 'revocation'])
        for (const fact of ['auth_methods_supported', 'auth_signing_alg_values_supported'])
          expect(metadata[`${endpoint}_endpoint_${fact}`]).toEqual(metadata[`token_endpoint_${fact}`]);
    });

    it('lists the scopes of the management API', () => {
      expect(metadata['scopes_supported']).toEqual(expect.arrayContaining(['usage:write', 'trust:read']));
    });

    it('has only values of the right form', () => {
      for (const [name, value] of Object.entries(metadata))
        expect([name, Array.isArray(value) ? 'list' : typeof value]).toEqual([
          name,
          name.endsWith('_supported') ? 'list' : 'string',
        ]);
    });
  });

  describe('§3 Obtaining Authorization Server Metadata', () => {
    it('§3.1 is at the well-known location of an issuer without a path', () => {
      expect(response.url).toBe(`${stage.url}/.well-known/oauth-authorization-server`);
    });

    it('§3.2 is JSON with status 200', () => {
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
    });

    it('§3.2 leaves out what is not supported rather than leaving it empty', () => {
      const { response_types_supported: _, ...rest } = metadata;
      expect(Object.values(rest).filter((value) => Array.isArray(value) && value.length === 0)).toEqual([]);
    });

    it('§3.3 names the issuer from which its location was made', () => {
      expect(`${String(metadata['issuer'])}/.well-known/oauth-authorization-server`).toBe(response.url);
    });
  });
});
