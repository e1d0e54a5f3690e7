/**
 * Everything that comes from draft-ietf-oauth-identity-assertion-authz-grant-04 (ID-JAG) and
 * draft-ietf-oauth-identity-chaining, in one place: a new revision is one change.
 */
export const idJagType = 'oauth-id-jag+jwt';
export const idJagTokenType = 'urn:ietf:params:oauth:token-type:id-jag';
/** RFC 8693 §2.2.1: what is issued is nothing to call an API with. */
export const idJagAnswerType = 'N_A';
/** Of those that we issue: they are redeemed at once. */
export const idJagSeconds = 120;

/** `typ` of the JWT grants of identity chaining: none of its own, or that of draft-ietf-oauth-rfc7523bis. */
export const chainingGrantTypes = [undefined, 'jwt', 'authorization-grant+jwt'] as const;

/** Authorization server metadata, as one that issues ID-JAGs and redeems those of others. */
export const idJagMetadata = {
  identity_chaining_requested_token_types_supported: [idJagTokenType],
  authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
};
