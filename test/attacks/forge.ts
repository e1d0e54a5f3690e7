import { createHmac, KeyObject, sign } from 'node:crypto';
import type { Party } from '../support/party.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A compact JWS with exactly this header and these claims (texts are taken as they are) and whatever signature. */
export function forge(header: Json | string, claims: Json | string, signer: Signer): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signer(input)}`;
}

/** The signature part for a signing input. */
export type Signer = (input: string) => string;

export const unsigned: Signer = () => '';

export function es256(party: Party): Signer {
  const key = KeyObject.from(party.privateKey as Parameters<typeof KeyObject.from>[0]);
  return (input) =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** ES256 as OpenSSL writes it by itself: not the form that JWS wants. */
export function es256Der(party: Party): Signer {
  const key = KeyObject.from(party.privateKey as Parameters<typeof KeyObject.from>[0]);
  return (input) => sign('sha256', Buffer.from(input), key).toString('base64url');
}

export function hs256(secret: string | Buffer): Signer {
  return (input) => createHmac('sha256', secret).update(input).digest('base64url');
}

export function fixed(signature: Buffer | string): Signer {
  return () => (typeof signature === 'string' ? signature : signature.toString('base64url'));
}

/** Header and claims of a token, as texts. */
export function parts(token: string): {
  readonly header: string;
  readonly claims: string;
  readonly signature: string;
} {
  const [header = '', claims = '', signature = ''] = token.split('.');
  return { header: decode(header), claims: decode(claims), signature };
}

function encode(part: Json | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

function decode(part: string): string {
  return Buffer.from(part, 'base64url').toString();
}
