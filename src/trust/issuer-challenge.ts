import { randomBytes } from 'node:crypto';

const path = '/.well-known/a2a-broker-challenge';

/** Bound to one record and one attempt: made anew whenever a proof is wanted. */
export function newChallenge(): string {
  return randomBytes(32).toString('base64url');
}

/** Where the owner of an issuer publishes that it is: one of the two. An issuer that is an IP address has no DNS name. */
export interface ChallengePlaces {
  /** The signed challenge, as text (RFC 8615); the issuer's own path comes after, as RFC 8414 §3 does it. */
  readonly wellKnownUrl: string;
  /** The challenge itself, as a TXT record; the signed one is then handed over. */
  readonly dnsName?: string;
}

export function challengePlaces(issuer: string): ChallengePlaces {
  const { origin, hostname, pathname } = new URL(issuer);
  const isAddress = hostname.startsWith('[') || /^[0-9.]+$/.test(hostname);
  return {
    wellKnownUrl: `${origin}${path}${pathname.replace(/\/$/, '')}`,
    ...(isAddress ? {} : { dnsName: `_a2a-broker-challenge.${hostname.replace(/\.$/, '')}` }),
  };
}

/** Where an issuer may publish its metadata: OpenID Connect Discovery §4, RFC 8414 §3. */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const base = issuer.replace(/\/$/, '');
  return [
    `${base}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`,
  ];
}
