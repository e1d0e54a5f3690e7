import { epochSeconds } from '../kernel/clock.ts';
import type { JsonObject } from '../kernel/json.ts';
import { unavailable } from './authenticate-client.ts';
import type { TrustContext } from './deps.ts';
import { checkTimes, clockSkewSeconds, isSignedBy, type ParsedJwt, type TokenProblem } from './jwt.ts';
import type { Client, TrustRecord } from './model.ts';
import { judgeRecent } from './recent-facts.ts';
import { isTrusted } from './standing.ts';
import { bad } from './token-request.ts';

/** Long-lived tokens of an issuer would make our short ones pointless. */
const maxInboundSeconds = 24 * 3600;

const typesOf = {
  'urn:ietf:params:oauth:token-type:access_token': [undefined, 'jwt', 'at+jwt'],
  'urn:ietf:params:oauth:token-type:id_token': [undefined, 'jwt'],
  'urn:ietf:params:oauth:token-type:jwt': [undefined, 'jwt', 'at+jwt'],
} as const;

export type InboundTokenType = keyof typeof typesOf;

export function isInboundTokenType(text: string | undefined): text is InboundTokenType {
  return text !== undefined && Object.hasOwn(typesOf, text);
}

export interface IssuerToken {
  readonly record: TrustRecord;
  readonly subject: string;
  /** The most that may come of it, when the issuer said so. */
  readonly scope?: readonly string[] | undefined;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/**
 * A token of an independent issuer, in the fixed order: exact `iss` to an enabled record, that record's algorithms and
 * keys, `typ`, times, audience. Never is anything discovered from the token itself. Throws `invalid_request` for a bad
 * token (RFC 8693 §2.2.2), `temporarily_unavailable` when the issuer's keys cannot be had.
 */
export async function verifyIssuerToken(
  context: TrustContext,
  jwt: ParsedJwt,
  type: InboundTokenType,
  client: Client,
): Promise<IssuerToken> {
  const issuer = jwt.claims['iss'];
  if (typeof issuer !== 'string' || issuer.length > 512) throw refusedToken('token_issuer_unknown');
  return judgeRecent(
    (options) => context.repository.trustRecord(issuer, options),
    (record) => verifyBy(context, record, { jwt, issuer, type, client }),
  );
}

async function verifyBy(
  context: TrustContext,
  record: TrustRecord | undefined,
  token: {
    readonly jwt: ParsedJwt;
    readonly issuer: string;
    readonly type: InboundTokenType;
    readonly client: Client;
  },
): Promise<IssuerToken> {
  const { jwt, issuer, type, client } = token;
  const { claims } = jwt;
  if (!isTrusted(record, context.clock.now()) || record.issuer !== issuer)
    throw refusedToken('token_issuer_unknown');
  if (!record.algorithms.includes(jwt.algorithm)) throw refusedToken('token_algorithm_refused');
  const keys = await context.issuerKeys.find(record, jwt.algorithm, jwt.keyId);
  if (!keys.ok) throw unavailable('issuer_keys_unavailable');
  if (keys.value.length === 0) throw refusedToken('token_key_unknown');
  if (!keys.value.some((key) => isSignedBy(jwt, key))) throw refusedToken('token_signature_wrong');

  // A back-channel logout token (OpenID Connect) is signed by the same key and may lack a `typ`; `events` gives it away.
  if (!(typesOf[type] as readonly (string | undefined)[]).includes(jwt.type) || 'events' in claims)
    throw refusedToken('token_type_wrong');
  const problem = checkTimes(claims, {
    now: epochSeconds(context.clock),
    skewSeconds: clockSkewSeconds,
    maxLifetimeSeconds: maxInboundSeconds,
  });
  if (problem !== undefined) throw refusedToken(problem);
  if (!isForClient(claims, client.issuerClientIds[issuer], context.brokerUrl))
    throw refusedToken('token_audience_wrong');
  const subject = claims['sub'];
  if (typeof subject !== 'string' || subject === '' || subject.length > 255)
    throw refusedToken('token_subject_missing');
  const scope = readScope(claims, context.brokerUrl);
  // A NumericDate may have a fraction (RFC 7519 §2); what we issue and store is in whole seconds, and never later.
  return { record, subject, scope, expiresAt: Math.floor(Number(claims['exp'])) };
}

/**
 * The token was issued to this very program: its sole `aud` is the id that the program has at that issuer, or our issuer
 * with `client_id` or `azp` naming the program. What was issued to somebody else's program is refused.
 */
function isForClient(claims: JsonObject, idThere: string | undefined, brokerUrl: string): boolean {
  if (idThere === undefined) return false;
  const aud = audienceOf(claims);
  const parties = [claims['azp'], claims['client_id']].filter((party) => party !== undefined);
  if (parties.some((party) => party !== idThere)) return false;
  return aud === idThere || (aud === brokerUrl && parties.length > 0);
}

/**
 * A token made for us names scopes of ours (RFC 9068 §2.2.3); those of a token made for the program itself are the program's
 * own and say nothing here. Asked of the claims, never of the type that the caller gives the token.
 */
function readScope(claims: JsonObject, brokerUrl: string): readonly string[] | undefined {
  const { scope } = claims;
  if (scope === undefined || audienceOf(claims) !== brokerUrl) return undefined;
  if (typeof scope !== 'string') throw refusedToken('token_malformed');
  return scope.split(' ');
}

function audienceOf({ aud }: JsonObject): unknown {
  return Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
}

/** The answer does not say which check failed; the audit log does. */
export function refusedToken(reason: TokenProblem | `actor_${string}` | `subject_${string}`) {
  return bad(reason, 'The token is not acceptable.');
}
