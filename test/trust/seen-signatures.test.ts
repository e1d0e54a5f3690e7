import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ParsedJwt, parseJwt, signJwt } from '../../src/trust/jwt.ts';
import { createSeenSignatures } from '../../src/trust/seen-signatures.ts';

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey, publicKey } = pair();
const other = pair().publicKey;

function token(claims: Readonly<Record<string, unknown>> = { sub: 'user-1' }): ParsedJwt {
  const parsed = parseJwt(signJwt(claims, 'JWT', { keyId: 'k', privateKey }));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** The same key, loaded again. */
const loadedAgain = (key: KeyObject) => createPublicKey(key.export({ format: 'pem', type: 'spki' }));

describe('signatures that were seen', () => {
  it('are known by the key that made them, and by no other', () => {
    const seen = createSeenSignatures();
    const jwt = token();
    for (let again = 0; again < 3; again++) {
      expect(seen.isSignedByAny(jwt, [other, publicKey])).toBe(true);
      expect(seen.isSignedByAny(jwt, [other])).toBe(false);
      expect(seen.isSignedByAny(jwt, [])).toBe(false);
    }
    expect(seen.isSignedByAny(jwt, [loadedAgain(publicKey)])).toBe(true);
  });

  it('are no longer counted when the key does not count any more', () => {
    const seen = createSeenSignatures();
    const jwt = token();
    expect(seen.isSignedByAny(jwt, [publicKey])).toBe(true);
    expect(seen.isSignedByAny(jwt, [other])).toBe(false);
  });

  it('say nothing about the same claims under another signature, nor other claims under the same', () => {
    const seen = createSeenSignatures();
    const [jwt, second] = [token(), token({ sub: 'user-2' })];
    expect(seen.isSignedByAny(jwt, [publicKey])).toBe(true);
    const forged = { ...jwt, signature: createHash('sha512').update('x').digest() };
    expect(seen.isSignedByAny(forged, [publicKey])).toBe(false);
    expect(seen.isSignedByAny({ ...second, signature: jwt.signature }, [publicKey])).toBe(false);
    expect(seen.isSignedByAny({ ...jwt, signingInput: second.signingInput }, [publicKey])).toBe(false);
  });
});
