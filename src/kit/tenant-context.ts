/** On whose behalf an agent is called. Everything here was signed by the broker. */
export interface TenantContext {
  /** Across the whole federation. */
  readonly tenant: string;
  /** The provider's own id for this tenant, when linked. */
  readonly audTenant?: string;
  /** The user, as this provider knows them: another provider gets another id for the same person. */
  readonly subject: string;
  /** The provider's own id for this user, when linked. */
  readonly audSubject?: string;
  /** Who acts, newest first: the caller, then who called the caller. */
  readonly actors: readonly Actor[];
  /** One id for the whole chain of calls. */
  readonly txn: string;
  readonly tier: string;
  readonly region?: string;
  readonly scope: readonly string[];
  readonly jti: string;
  /** Names this delegation in usage events: SHA-256 of `jti`, base64url. */
  readonly delegationId: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
  /** Thumbprint (RFC 7638) of the key that the caller has shown to possess; absent for a Bearer token. */
  readonly keyThumbprint?: string;
  /** To continue the chain: the subject token of a further exchange. A secret. */
  readonly token: string;
}

/** With which proofs of possession may be signed. */
export const dpopAlgorithms: readonly string[] = ['ES256', 'EdDSA', 'PS256'];

/** RFC 8693 §4.1 */
export interface Actor {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId?: string;
}

export type TenantContextErrorCode =
  | 'token_missing'
  | 'token_malformed'
  | 'token_algorithm_refused'
  | 'token_type_wrong'
  | 'token_key_unknown'
  | 'token_signature_wrong'
  | 'token_issuer_wrong'
  | 'token_audience_wrong'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_is_bound'
  | 'token_not_bound'
  | 'dpop_proof_missing'
  | 'dpop_proof_malformed'
  | 'dpop_key_wrong'
  | 'dpop_request_wrong'
  | 'dpop_token_wrong'
  | 'dpop_time_wrong'
  | 'dpop_proof_replayed'
  | 'tenant_context_missing'
  | 'actor_chain_too_long'
  | 'scope_insufficient'
  | 'broker_unavailable';

/**
 * A call without an acceptable tenant context. Answer with `status` and, when set, `wwwAuthenticate` (RFC 6750 §3, RFC 9449 §7.1);
 * `message` is for the provider's own log.
 */
export class TenantContextError extends Error {
  override readonly name = 'TenantContextError';
  readonly code: TenantContextErrorCode;
  readonly status: 401 | 403 | 503;
  /** Ready to be sent; absent with 503, where another token would not help. */
  readonly wwwAuthenticate: string | undefined;

  constructor(
    code: TenantContextErrorCode,
    message: string,
    facts: { readonly requiredScopes?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.status = code === 'broker_unavailable' ? 503 : code === 'scope_insufficient' ? 403 : 401;
    this.wwwAuthenticate = this.status === 503 ? undefined : challenge(code, facts.requiredScopes);
  }
}

/** Says which check failed, never what the token said: it goes to whoever sent the token. */
function challenge(code: TenantContextErrorCode, requiredScopes: readonly string[] = []): string {
  // RFC 6750 §3.1: no error code for a request without credentials.
  if (code === 'token_missing') return 'Bearer';
  const dpop = `algs="${dpopAlgorithms.join(' ')}"`;
  if (code.startsWith('dpop_'))
    return `DPoP error="invalid_dpop_proof", error_description="${code}", ${dpop}`;
  if (code === 'token_not_bound') return `DPoP error="invalid_token", error_description="${code}", ${dpop}`;
  const error = code === 'scope_insufficient' ? 'insufficient_scope' : 'invalid_token';
  const scope = requiredScopes.length === 0 ? '' : `, scope="${requiredScopes.join(' ')}"`;
  const bearer = `Bearer error="${error}", error_description="${code}"${scope}`;
  return code === 'token_is_bound' ? `${bearer}, DPoP ${dpop}` : bearer;
}
