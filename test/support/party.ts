import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

/** A key of somebody who is not the broker, and what it signs. */
export interface Party {
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly privateKey: PrivateKey;
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, string>>): Promise<string>;
}

export async function newParty(): Promise<Party> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const kid = randomUUID();
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  return {
    jwks: { keys: [jwk] },
    privateKey,
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(privateKey),
  };
}

/** `private_key_jwt` (RFC 7523 §3), good for one request. */
export function clientAssertion(party: Party, clientId: string, broker: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return party.sign({
    iss: clientId,
    sub: clientId,
    aud: broker,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
  });
}
