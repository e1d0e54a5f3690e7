import { type AsymmetricKeyDetails, type KeyObject, sign, verify } from 'node:crypto';

/** What we accept from others; what we sign with is ES256 alone. */
export const acceptedAlgorithms = ['ES256', 'EdDSA', 'PS256', 'RS256'] as const;

/** For clients' assertions. RSASSA-PKCS1-v1_5 is for issuers whose trust record says so: no client has to use it. */
export const clientAlgorithms: readonly Algorithm[] = ['ES256', 'EdDSA', 'PS256'];

export type Algorithm = (typeof acceptedAlgorithms)[number];

export function isAcceptedAlgorithm(text: string): text is Algorithm {
  return (acceptedAlgorithms as readonly string[]).includes(text);
}

/**
 * ES256 (RFC 7518 §3.4), synchronous on purpose: at these sizes node's own call costs 30 µs, while WebCrypto spends more
 * on its thread hop than on the mathematics.
 */
export function signEs256(privateKey: KeyObject, signingInput: string | Uint8Array): string {
  return sign('sha256', bytes(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
    'base64url',
  );
}

/** The key must already be one that fits `algorithm`: see {@link fitsAlgorithm}. */
export function verifySignature(
  algorithm: Algorithm,
  key: KeyObject,
  signingInput: string,
  signature: Uint8Array,
): boolean {
  const data = bytes(signingInput);
  switch (algorithm) {
    case 'ES256':
      return signature.length === 64 && verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'EdDSA':
      return verify(null, data, key, signature);
    case 'PS256':
      return verify('sha256', data, { key, padding: 6, saltLength: 32 }, signature);
    case 'RS256':
      return verify('sha256', data, key, signature);
  }
}

/** Strangers name the key by which they are checked: what one check can cost is bounded by the size of modulus and exponent. */
const rsaBits = { min: 2048, max: 8192 };
const maxRsaExponent = 2n ** 32n;

/** Whether the key is of the type, curve and size that the algorithm demands. */
export function fitsAlgorithm(algorithm: Algorithm, key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails;
  switch (algorithm) {
    case 'ES256':
      return key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1';
    case 'EdDSA':
      return key.asymmetricKeyType === 'ed25519';
    case 'PS256':
    case 'RS256':
      return key.asymmetricKeyType === 'rsa' && isSoundRsa(details);
  }
}

/** An exponent of 1 would make every signature valid. */
function isSoundRsa(details: AsymmetricKeyDetails | undefined): boolean {
  const bits = details?.modulusLength ?? 0;
  const exponent = details?.publicExponent ?? 0n;
  return bits >= rsaBits.min && bits <= rsaBits.max && exponent >= 3n && exponent <= maxRsaExponent;
}

function bytes(input: string | Uint8Array): Uint8Array {
  return typeof input === 'string' ? Buffer.from(input, 'utf8') : input;
}
