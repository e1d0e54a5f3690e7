import { createHash, randomUUID } from 'node:crypto';
import {
  calculateJwkThumbprint,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose';
import { BoundedCache } from './bounded-cache.ts';
import { signatureAlgorithmOf } from './client-assertion.ts';

export interface ProofRequest {
  readonly method: string;
  /** Of the request; its query and fragment are left out of the proof. */
  readonly url: string;
  /** The token that is sent along. */
  readonly accessToken?: string | undefined;
}

/** A key to which tokens are bound (DPoP, RFC 9449), and the proofs that whoever uses such a token holds it. */
export interface DpopKey {
  /** SHA-256 thumbprint (RFC 7638): what `cnf.jkt` of a bound token says. */
  thumbprint(): Promise<string>;
  /** The value of the header `DPoP`, good for one request. Throws `TypeError` for a key that cannot sign. */
  proof(request: ProofRequest): Promise<string>;
  /**
   * Takes the nonce of an answer's `DPoP-Nonce`, for the next proof to that origin. Whether it is another than before: then a
   * request that was refused for `use_dpop_nonce` is worth a second try.
   */
  learn(url: string, nonce: string | null | undefined): boolean;
}

const maxOrigins = 100;
const maxNonceLength = 256;

/**
 * A key pair of this process, or the one of `privateKey`: a JWK of an ES256, EdDSA or PS256 key. Use one for as long as its tokens
 * live; it need not, and better does not, be the key by which the client authenticates.
 */
export function createDpopKey(
  options: { readonly privateKey?: JWK; readonly now?: () => number } = {},
): DpopKey {
  const now = options.now ?? Date.now;
  const nonces = new BoundedCache<string>(maxOrigins);
  const signer = options.privateKey === undefined ? makeSigner() : importSigner(options.privateKey);
  // Reported where it is awaited; without this a broken key would end the process at start.
  signer.catch(() => undefined);

  return {
    thumbprint: async () => calculateJwkThumbprint((await signer).jwk),
    proof: async ({ method, url, accessToken }) => {
      const { algorithm, key, jwk } = await signer;
      const { origin, pathname } = new URL(url);
      const nonce = nonces.get(origin);
      const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
      return new SignJWT({
        jti: randomUUID(),
        htm: method,
        htu: origin + pathname,
        ...(ath === undefined ? {} : { ath }),
        ...(nonce === undefined ? {} : { nonce }),
      })
        .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk })
        .setIssuedAt(Math.floor(now() / 1000))
        .sign(key);
    },
    learn: (url, nonce) => {
      if (typeof nonce !== 'string' || nonce === '' || nonce.length > maxNonceLength) return false;
      const { origin } = new URL(url);
      if (nonces.get(origin) === nonce) return false;
      nonces.set(origin, nonce);
      return true;
    },
  };
}

interface Signer {
  readonly algorithm: string;
  readonly key: CryptoKey;
  /** The public half, and nothing else. */
  readonly jwk: JWK;
}

async function makeSigner(): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { algorithm: 'ES256', key: privateKey, jwk: publicPart(await exportJWK(publicKey)) };
}

async function importSigner(jwk: JWK): Promise<Signer> {
  const algorithm = signatureAlgorithmOf(jwk);
  const key = await importJWK({ ...jwk, alg: algorithm }, algorithm);
  if (key instanceof Uint8Array || key.type !== 'private')
    throw new TypeError('DPoP needs a private key: this one can only verify.');
  return { algorithm, key, jwk: publicPart(jwk) };
}

/** A closed list: what is private must not slip out with what is public. */
function publicPart({ kty, crv, x, y, n, e }: JWK): JWK {
  if (kty === 'RSA') return { kty, n, e } as JWK;
  return (kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x }) as JWK;
}
