export type TrustErrorCode =
  | 'issuer_taken'
  | 'issuer_unproven'
  | 'issuer_unknown'
  | 'mapping_unusable'
  | 'link_taken'
  | 'keys_unusable'
  | 'client_exists'
  | 'wrong_owner'
  | 'unknown_party'
  | 'unknown_issuer'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

export const trustErrors = {
  issuer_taken: { status: 409, title: 'The issuer is registered already' },
  issuer_unknown: { status: 422, title: 'No such issuer is registered' },
  mapping_unusable: { status: 422, title: 'The tenant mapping cannot be used' },
  link_taken: { status: 409, title: 'The external id is linked to another tenant' },
  issuer_unproven: { status: 422, title: 'It is not proven that the issuer is this party’s' },
  keys_unusable: { status: 422, title: 'The key set cannot be used' },
  client_exists: { status: 409, title: 'The client id is taken' },
  wrong_owner: { status: 422, title: 'That does not belong to this owner' },
  unknown_party: { status: 422, title: 'No such provider or tenant' },
  unknown_issuer: { status: 422, title: 'Not an issuer of this tenant' },
  invalid_dpop_proof: { status: 401, title: 'The DPoP proof is not valid' },
  use_dpop_nonce: { status: 401, title: 'The DPoP proof needs a nonce' },
} as const satisfies Record<TrustErrorCode, { status: number; title: string }>;

/** RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2, RFC 7009 §2.2.1, RFC 9449 §5 and §8. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_target'
  | 'invalid_scope'
  | 'unsupported_token_type'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'temporarily_unavailable';

/**
 * A refusal of the token endpoint. `reason` names the rule for the audit log; `message` is sent as
 * `error_description` and tells nothing about what belongs to others.
 */
export class OAuthRefusal extends Error {
  override readonly name = 'OAuthRefusal';
  readonly code: OAuthErrorCode;
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: OAuthErrorCode, reason: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
