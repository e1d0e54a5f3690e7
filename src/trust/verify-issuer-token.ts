import { epochSeconds } from '../kernel/clock.ts';
import { asText, type JsonObject } from '../kernel/json.ts';
import { unavailable } from './authenticate-client.ts';
import { confirmationOf } from './confirmation.ts';
import type { TrustContext } from './deps.ts';
import type { DpopProof } from './dpop-proof.ts';
import { OAuthRefusal } from './errors.ts';
import { checkTimes, clockSkewSeconds, type ParsedJwt, type TokenProblem } from './jwt.ts';
import { mayAct } from './may-act.ts';
import type { Client, TrustRecord } from './model.ts';
import { judgeRecent } from './recent-facts.ts';
import { isTrusted } from './standing.ts';

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
  /** All of them; verified. */
  readonly claims: JsonObject;
  /** The most that may come of it, when the issuer said so. */
  readonly scope?: readonly string[] | undefined;
  /** The only targets that it is for, when the issuer said so. */
  readonly audiences?: readonly string[] | undefined;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/** What one use of foreign tokens demands, beyond what all of them do. */
export interface TokenRules {
  /** The values of `typ`, in lower case; `undefined`: may be absent. */
  readonly types: readonly (string | undefined)[];
  /** `exp` − `iat` at most. */
  readonly maxLifetimeSeconds: number;
  /** Whether it was made for this use by this client. */
  isFor(claims: JsonObject, names: OurNames): boolean;
  /** That of the request: a bound token needs it. */
  readonly proof: DpopProof | undefined;
}

/** A token that this very program was given, as subject or actor. Throws as {@link verifyFromIssuer}. */
export function verifyIssuerToken(
  context: TrustContext,
  jwt: ParsedJwt,
  type: InboundTokenType,
  client: Client,
  proof: DpopProof | undefined,
): Promise<IssuerToken> {
  return verifyFromIssuer(context, jwt, {
    types: typesOf[type],
    maxLifetimeSeconds: maxInboundSeconds,
    isFor: (claims, names) => isForClient(claims, client, context.brokerUrl, names),
    proof,
  });
}

/**
 * A token of an independent issuer, in the fixed order: exact `iss` to an enabled record, that record's algorithms and
 * keys, `typ`, times, audience. Never is anything discovered from the token itself. Throws `invalid_request` for a bad
 * token (RFC 8693 §2.2.2), `temporarily_unavailable` when the issuer's keys cannot be had.
 */
export async function verifyFromIssuer(
  context: TrustContext,
  jwt: ParsedJwt,
  rules: TokenRules,
): Promise<IssuerToken> {
  const issuer = jwt.claims['iss'];
  if (typeof issuer !== 'string' || issuer.length > 512) throw refusedToken('token_issuer_unknown');
  return judgeRecent(
    (options) => context.repository.trustRecord(issuer, options),
    (record) => verifyBy(context, record, { jwt, issuer, rules }),
  );
}

async function verifyBy(
  context: TrustContext,
  record: TrustRecord | undefined,
  token: {
    readonly jwt: ParsedJwt;
    readonly issuer: string;
    readonly rules: TokenRules;
  },
): Promise<IssuerToken> {
  const { jwt, issuer, rules } = token;
  const { claims } = jwt;
  if (!isTrusted(record, context.clock.now()) || record.issuer !== issuer)
    throw refusedToken('token_issuer_unknown');
  if (!record.algorithms.includes(jwt.algorithm)) throw refusedToken('token_algorithm_refused');
  const keys = await context.issuerKeys.find(record, jwt.algorithm, jwt.keyId);
  if (!keys.ok)
    throw keys.error === 'keys_replaced'
      ? refusedToken('token_issuer_keys_replaced')
      : unavailable('issuer_keys_unavailable');
  if (keys.value.length === 0) throw refusedToken('token_key_unknown');
  if (!context.seenSignatures.isSignedByAny(jwt, keys.value)) throw refusedToken('token_signature_wrong');

  // A back-channel logout token (OpenID Connect) is signed by the same key and may lack a `typ`; `events` gives it away.
  if (!rules.types.includes(jwt.type) || 'events' in claims) throw refusedToken('token_type_wrong');
  const problem = checkTimes(claims, {
    now: epochSeconds(context.clock),
    skewSeconds: clockSkewSeconds,
    maxLifetimeSeconds: rules.maxLifetimeSeconds,
  });
  if (problem !== undefined) throw refusedToken(problem);
  const names = [context.brokerUrl, record.audience];
  if (!rules.isFor(claims, names)) throw refusedToken('token_audience_wrong');
  requirePossession(claims, rules.proof);
  const subject = claims['sub'];
  if (typeof subject !== 'string' || subject === '' || subject.length > 255)
    throw refusedToken('token_subject_missing');
  const { scope, audiences } = readLimits(claims, names);
  // A NumericDate may have a fraction (RFC 7519 §2); what we issue and store is in whole seconds, and never later.
  return { record, subject, claims, scope, audiences, expiresAt: Math.floor(Number(claims['exp'])) };
}

/** What an issuer calls us: our own issuer, or the name that its trust record says. */
type OurNames = readonly (string | undefined)[];

/**
 * The token was issued to this very program: its sole `aud` is the id that the program has at that issuer, or our name
 * with `client_id`, `azp` or `may_act` naming the program. What was issued to somebody else's program is refused.
 */
function isForClient(claims: JsonObject, client: Client, brokerUrl: string, names: OurNames): boolean {
  const issuer = asText(claims['iss']);
  const idThere = client.issuerClientIds[issuer];
  const aud = audienceOf(claims);
  const parties = [claims['azp'], claims['client_id']].filter((party) => party !== undefined);
  if (parties.some((party) => party !== idThere)) return false;
  if (isOurs(aud, names)) return parties.length > 0 || mayAct(claims, issuer, client, brokerUrl);
  return idThere !== undefined && aud === idThere;
}

/** One audience as a list is still one audience. */
export function isSoleAudience(claims: JsonObject, audience: string): boolean {
  return audienceOf(claims) === audience;
}

const maxResources = 10;
/** What we don't understand would be a limit that we don't keep: RFC 9396. */
const limitsNotKept = ['authorization_details'];

/**
 * A token made for us names scopes (RFC 9068 §2.2.3) and targets of ours; those of a token made for the program itself are the
 * program's own and say nothing here. Asked of the claims, never of the type that the caller gives the token, nor of the grant: an
 * assertion is no wider when it is exchanged.
 */
function readLimits(claims: JsonObject, names: OurNames): Pick<IssuerToken, 'scope' | 'audiences'> {
  if (!isOurs(audienceOf(claims), names)) return {};
  if (limitsNotKept.some((name) => name in claims)) throw refusedToken('subject_limit_unknown');
  const { scope } = claims;
  if (scope !== undefined && typeof scope !== 'string') throw refusedToken('token_malformed');
  return { scope: scope?.split(' '), audiences: readResources(claims) };
}

/** RFC 8707. */
function readResources({ resource }: JsonObject): readonly string[] | undefined {
  if (resource === undefined) return undefined;
  const resources: readonly unknown[] = Array.isArray(resource) ? resource : [resource];
  const texts = resources.filter((one) => typeof one === 'string');
  if (texts.length !== resources.length || texts.length === 0 || texts.length > maxResources)
    throw refusedToken('subject_resource');
  return texts;
}

function isOurs(aud: unknown, names: OurNames): boolean {
  return typeof aud === 'string' && names.includes(aud);
}

function audienceOf({ aud }: JsonObject): unknown {
  return Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
}

/**
 * A bound token counts only together with a proof of its key in the same request, whoever brings it (RFC 9449 §6). What comes of
 * it is bound to that key too, since a request with a proof gets nothing else. Throws `invalid_request`.
 */
export function requirePossession(claims: JsonObject, proof: DpopProof | undefined): void {
  const confirmation = confirmationOf(claims);
  if (confirmation === undefined) return;
  if (confirmation === 'unknown') throw refusedToken('token_confirmation_unknown');
  if (proof?.jkt !== confirmation.jkt) throw refusedToken('token_is_bound');
}

/** The answer does not say which check failed; the audit log does. */
export function refusedToken(
  reason: TokenProblem | `actor_${string}` | `subject_${string}` | `assertion_${string}`,
  error: 'invalid_request' | 'invalid_grant' = 'invalid_request',
): OAuthRefusal {
  return new OAuthRefusal(error, reason, 'The token is not acceptable.');
}
