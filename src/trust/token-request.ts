import type { DpopProof } from './dpop-proof.ts';
import { OAuthRefusal } from './errors.ts';

const maxBodyBytes = 64 * 1024;

/** Parameters that the token endpoint knows; anything else is ignored (RFC 6749 §3.2). */
const known = [
  'grant_type',
  'client_id',
  'client_assertion',
  'client_assertion_type',
  'scope',
  'resource',
  'audience',
  'assertion',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
] as const;

export type TokenRequest = Form<(typeof known)[number]> & {
  /** The key that the request was shown to possess: what is issued is bound to it. */
  readonly proof?: DpopProof;
};

type Form<N extends string> = Readonly<Partial<Record<N, string>>>;

/** What the token endpoint was sent. Throws {@link OAuthRefusal} `invalid_request`. */
export function parseTokenRequest(contentType: string | undefined, body: string): TokenRequest {
  return parseForm(contentType, body, known);
}

/** What is asked about one token (RFC 7662 §2.1) or to be done with it (RFC 7009 §2.1), by an authenticated client. */
export type AboutToken = Form<(typeof aboutToken)[number]>;

const aboutToken = [
  'token',
  'token_type_hint',
  'client_id',
  'client_assertion',
  'client_assertion_type',
] as const;

/** Throws {@link OAuthRefusal} `invalid_request`. */
export function parseAboutToken(contentType: string | undefined, body: string): AboutToken {
  return parseForm(contentType, body, aboutToken);
}

/**
 * Refuses what is too large, not a form, sent twice (RFC 6749 §3.2) or empty: an empty parameter that is taken as absent
 * would let a broken caller fall back to another meaning.
 */
function parseForm<N extends string>(
  contentType: string | undefined,
  body: string,
  known: readonly N[],
): Form<N> {
  if (!/^application\/x-www-form-urlencoded(?:\s*;|$)/i.test(contentType ?? ''))
    throw bad('content_type', 'The content type must be application/x-www-form-urlencoded.');
  if (Buffer.byteLength(body) > maxBodyBytes) throw bad('body_too_large', 'The request is too large.');
  const parameters = new URLSearchParams(body);
  const request: Partial<Record<N, string>> = {};
  for (const name of known) {
    const values = parameters.getAll(name);
    if (values.length > 1) throw bad('parameter_twice', `${name} was sent more than once.`);
    const value = values[0];
    if (value === '') throw bad('parameter_empty', `${name} is empty.`);
    if (value !== undefined) request[name] = value;
  }
  return request;
}

/** Space-separated (RFC 6749 §3.3); order and repeats do not matter. `undefined` when absent. */
export function requestedScopes(request: TokenRequest): readonly string[] | undefined {
  if (request.scope === undefined) return undefined;
  const scopes = request.scope.split(' ');
  if (scopes.length > 100 || scopes.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(scope)))
    throw new OAuthRefusal('invalid_scope', 'scope_malformed', 'scope is malformed.');
  return [...new Set(scopes)];
}

export function bad(reason: string, message: string): OAuthRefusal {
  return new OAuthRefusal('invalid_request', reason, message);
}
