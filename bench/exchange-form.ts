import { type KeyObject, randomUUID, sign } from 'node:crypto';
import type { Party } from '../test/support/party.ts';

export interface ExchangeInput {
  readonly broker: string;
  readonly client: { readonly id: string; readonly key: Party };
  /** A token as it is, or what a new ID token of a new user says. */
  readonly subject: string | { readonly iss: string; readonly aud: string; readonly key: Party };
  readonly audience: string;
}

/** The body of a token exchange, with a new assertion. */
export function exchangeForm({ broker, client, subject, audience }: ExchangeInput): string {
  const now = Math.floor(Date.now() / 1000);
  const times = () => ({ iat: now, exp: now + 300, jti: randomUUID() });
  const [type, token] =
    typeof subject === 'string'
      ? ['access_token', subject]
      : [
          'id_token',
          quickJwt(subject.key, {
            iss: subject.iss,
            sub: `user-${randomUUID()}`,
            aud: subject.aud,
            ...times(),
          }),
        ];
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: quickJwt(client.key, { iss: client.id, sub: client.id, aud: broker, ...times() }),
    subject_token: token,
    subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
    audience,
  }).toString();
}

/** Synchronous, so that making the load does not take longer than serving it. */
function quickJwt(party: Party, claims: Readonly<Record<string, unknown>>): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'ES256', kid: party.jwks.keys[0]?.kid })}.${encode(claims)}`;
  const key = { key: party.privateKey as unknown as KeyObject, dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}
