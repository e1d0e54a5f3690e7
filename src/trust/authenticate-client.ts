import { epochSeconds } from '../kernel/clock.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import {
  checkTimes,
  clockSkewSeconds,
  isSignedBy,
  type ParsedJwt,
  parseJwt,
  type TokenProblem,
} from './jwt.ts';
import type { Client } from './model.ts';
import { judgeRecent } from './recent-facts.ts';
import { clientAlgorithms } from './signature.ts';
import type { TokenRequest } from './token-request.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const maxAssertionSeconds = 300;
/** What a client id can be: nothing else is worth a look-up. */
const clientIdPattern = /^[a-z0-9._-]{1,64}$/;
/** RFC 7523 names none; `client-authentication+jwt` is from the draft that mends its audience. */
const acceptedTypes = [undefined, 'jwt', 'client-authentication+jwt'];

export interface AuthenticatedClient {
  readonly client: Client;
  /** To be used up together with what the request changes. */
  readonly assertion: { readonly digest: string; readonly expiresAt: number };
}

/**
 * `private_key_jwt` (RFC 7523 §3, OpenID Connect Core §9). The assertion's sole audience must be our issuer: an assertion
 * made for somebody else's endpoint must not work here. Throws `invalid_client` for every failure alike.
 */
export async function authenticateClient(
  context: TrustContext,
  request: Pick<TokenRequest, 'client_id' | 'client_assertion' | 'client_assertion_type'>,
): Promise<AuthenticatedClient> {
  if (request.client_assertion === undefined) throw refused('client_assertion_missing');
  if (request.client_assertion_type !== assertionType) throw refused('client_assertion_type_wrong');
  const parsed = parseJwt(request.client_assertion);
  if (!parsed.ok) throw refused(parsed.error);
  const { claims, algorithm } = parsed.value;
  if (!clientAlgorithms.includes(algorithm)) throw refused('token_algorithm_refused');
  const { iss, sub } = claims;
  if (typeof sub !== 'string' || !clientIdPattern.test(sub) || iss !== sub)
    throw refused('client_assertion_subject');
  if (request.client_id !== undefined && request.client_id !== sub) throw refused('client_id_differs');
  return judgeRecent(
    (options) => context.repository.client(sub, options),
    (client) => checkAssertion(context, client, parsed.value),
  );
}

async function checkAssertion(
  context: TrustContext,
  client: Client | undefined,
  jwt: ParsedJwt,
): Promise<AuthenticatedClient> {
  if (client === undefined) throw refused('client_unknown');
  await requireSignature(context, client, jwt);

  const { claims } = jwt;
  const { jti } = claims;
  if (!acceptedTypes.includes(jwt.type)) throw refused('token_type_wrong');
  if (claims['aud'] !== context.brokerUrl && !isSole(claims['aud'], context.brokerUrl))
    throw refused('token_audience_wrong');
  const now = epochSeconds(context.clock);
  const problem = checkTimes(claims, {
    now,
    skewSeconds: clockSkewSeconds,
    maxLifetimeSeconds: maxAssertionSeconds,
  });
  if (problem !== undefined) throw refused(problem);
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refused('client_assertion_jti');
  if (client.status !== 'active') throw refused('client_disabled');
  return {
    client,
    assertion: {
      digest: sha256(lengthPrefixed(client.id, jti)),
      expiresAt: Math.ceil(Number(claims['exp'])) + clockSkewSeconds + 1,
    },
  };
}

async function requireSignature(context: TrustContext, client: Client, jwt: ParsedJwt): Promise<void> {
  const keys = await context.issuerKeys.find(client, jwt.algorithm, jwt.keyId);
  if (!keys.ok) throw unavailable('client_keys_unavailable');
  if (keys.value.length === 0) throw refused('token_key_unknown');
  if (!keys.value.some((key) => isSignedBy(jwt, key))) throw refused('token_signature_wrong');
}

/** One audience as a list is still one audience. */
function isSole(aud: unknown, expected: string): boolean {
  return Array.isArray(aud) && aud.length === 1 && aud[0] === expected;
}

/** Unknown client, wrong key, replay, disabled: from outside they are one. */
export function refused(reason: TokenProblem | `client_${string}`): OAuthRefusal {
  return new OAuthRefusal('invalid_client', reason, 'Client authentication failed.');
}

export function unavailable(reason: string): OAuthRefusal {
  return new OAuthRefusal(
    'temporarily_unavailable',
    reason,
    'A key set that is needed cannot be fetched right now.',
    5,
  );
}
