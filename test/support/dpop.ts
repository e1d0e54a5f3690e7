import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

type Claims = Readonly<Record<string, unknown>>;

export interface ProofFacts {
  readonly method?: string;
  readonly url: string;
  /** Makes `ath`. */
  readonly accessToken?: string | undefined;
  readonly nonce?: string | undefined;
  /** Over the honest claims; `undefined` leaves one out. */
  readonly claims?: Claims;
  readonly header?: Claims;
  /** Epoch milliseconds. */
  readonly now?: number;
}

/** A key of a client, and the proofs (RFC 9449 §4.2) that it makes: fresh and honest but for what a test changes. */
export interface ProofKey {
  readonly jwk: JWK;
  readonly privateJwk: JWK;
  readonly jkt: string;
  readonly pair: Awaited<ReturnType<typeof generateKeyPair>>;
  proof(facts: ProofFacts): Promise<string>;
}

export async function newProofKey(algorithm: 'ES256' | 'EdDSA' | 'PS256' = 'ES256'): Promise<ProofKey> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const [jwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  return {
    jwk,
    privateJwk,
    jkt: await calculateJwkThumbprint(jwk),
    pair,
    proof: ({ method = 'POST', url, accessToken, nonce, claims = {}, header = {}, now = Date.now() }) =>
      new SignJWT({
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: Math.floor(now / 1000),
        ...(accessToken === undefined
          ? {}
          : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
        ...(nonce === undefined ? {} : { nonce }),
        ...claims,
      })
        .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk, ...header })
        .sign(pair.privateKey),
  };
}
