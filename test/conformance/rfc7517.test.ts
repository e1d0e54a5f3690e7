import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let response: Response;
let keys: readonly JWK[];

beforeAll(async () => {
  stage = await openStage();
  response = await fetch(`${stage.url}/.well-known/jwks.json`);
  ({ keys } = (await response.clone().json()) as { keys: readonly JWK[] });
});
afterAll(() => stage.close());

describe('RFC 7517, JSON Web Key', () => {
  it('§5 JWK Set: is an object with keys, and no key is there twice', () => {
    expect(keys.length).toBeGreaterThan(0);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
  });

  it('§4.1–4.5 kty, use, alg, kid: each key says what it is for', () => {
    for (const key of keys)
      expect(key).toMatchObject({ kty: 'EC', use: 'sig', alg: 'ES256', kid: expect.stringMatching(/./) });
  });

  it('§8.5.1 has the media type of key sets, and may be cached for a while', () => {
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
  });

  it('§9.2 Security: holds no private member (RFC 7518 §6)', async () => {
    for (const key of keys)
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
        expect(key).not.toHaveProperty(secret);
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual(
      keys.map(() => ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']),
    );
  });

  it('§4.5 kid: the key that a token names verifies it, and the others do not', async () => {
    const token = (await stage.exchange()).body.access_token ?? '';
    const { kid } = decodeProtectedHeader(token);
    const verdicts = await Promise.all(
      keys.map(async (key) =>
        jwtVerify(token, await importJWK(key)).then(
          () => key.kid,
          () => undefined,
        ),
      ),
    );
    expect(verdicts.filter((verdict) => verdict !== undefined)).toEqual([kid]);
  });
});

describe('RFC 7638, JSON Web Key Thumbprint', () => {
  it('§3 a key’s id is its SHA-256 thumbprint', async () => {
    const thumbprints = await Promise.all(keys.map((key) => calculateJwkThumbprint(key, 'sha256')));
    expect(keys.map(({ kid }) => kid)).toEqual(thumbprints);
  });
});
