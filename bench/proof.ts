import { createHash, randomUUID, sign, type KeyObject } from 'node:crypto';
import { newParty } from '../test/support/party.ts';

export interface Prover {
  /** A new proof (RFC 9449) for a POST to this address. */
  proof(url: string, accessToken?: string): string;
}

/** A key of a caller. Synchronous, so that making the load does not take longer than serving it. */
export async function newProver(): Promise<Prover> {
  const { privateKey, jwks } = await newParty();
  const { kty, crv, x, y } = jwks.keys[0] ?? {};
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encode({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } });
  const key = { key: privateKey as unknown as KeyObject, dsaEncoding: 'ieee-p1363' as const };
  return {
    proof(url, accessToken) {
      const claims = { jti: randomUUID(), htm: 'POST', htu: url, iat: Math.floor(Date.now() / 1000) };
      const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
      const input = `${header}.${encode(ath === undefined ? claims : { ...claims, ath })}`;
      return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
    },
  };
}
