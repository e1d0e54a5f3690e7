import { randomUUID } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK, SignJWT } from 'jose';

export interface ClientKey {
  readonly privateKey: JWK | CryptoKey;
  /** Default: the JWK's `kid`. */
  readonly keyId?: string | undefined;
  /** Default: what fits the key (ES256, EdDSA or PS256). */
  readonly algorithm?: string | undefined;
}

const lifetimeSeconds = 60;

/**
 * `private_key_jwt` (RFC 7523 §3). The audience is the broker's issuer alone: an assertion for the endpoint's address could be
 * played to another server that shares it. Each is used once. Throws `TypeError` for a key that cannot sign.
 */
export function createAssertionSigner(
  client: { readonly clientId: string; readonly broker: string } & ClientKey,
  now: () => number,
): () => Promise<string> {
  const algorithm = client.algorithm ?? signatureAlgorithmOf(client.privateKey);
  const keyId = client.keyId ?? (isCryptoKey(client.privateKey) ? undefined : client.privateKey.kid);
  const key = isCryptoKey(client.privateKey)
    ? Promise.resolve(client.privateKey)
    : importJWK({ ...client.privateKey, alg: algorithm }, algorithm);
  // Reported where it is awaited; without this a broken key would end the process at start.
  key.catch(() => undefined);

  return async () => {
    const issuedAt = Math.floor(now() / 1000);
    return new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({
        alg: algorithm,
        typ: 'client-authentication+jwt',
        ...(keyId === undefined ? {} : { kid: keyId }),
      })
      .setIssuer(client.clientId)
      .setSubject(client.clientId)
      .setAudience(client.broker)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifetimeSeconds)
      .sign(await key);
  };
}

/** By JWK `alg`, `crv` or `kty`, or the Web Crypto name. */
const algorithms: ReadonlyMap<string, string> = new Map([
  ['ES256', 'ES256'],
  ['P-256', 'ES256'],
  ['ECDSA', 'ES256'],
  ['EdDSA', 'EdDSA'],
  ['Ed25519', 'EdDSA'],
  ['PS256', 'PS256'],
  ['RSA', 'PS256'],
  ['RSA-PSS', 'PS256'],
]);

function isCryptoKey(key: JWK | CryptoKey): key is CryptoKey {
  return 'algorithm' in key;
}

/** What a key signs with. Throws `TypeError` for one that cannot be used at the broker. */
export function signatureAlgorithmOf(key: JWK | CryptoKey): string {
  const kind = isCryptoKey(key) ? key.algorithm.name : (key.alg ?? key.crv ?? key.kty ?? 'unknown');
  const algorithm = algorithms.get(kind);
  if (algorithm === undefined)
    throw new TypeError(`A ${kind} key cannot be used at the broker: use ES256, EdDSA or PS256.`);
  return algorithm;
}
