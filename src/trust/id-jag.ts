/**
 * Everything that comes from draft-ietf-oauth-identity-assertion-authz-grant-04 (ID-JAG) and
 * draft-ietf-oauth-identity-chaining, in one place: a new revision is one change.
 */
export const idJagType = 'oauth-id-jag+jwt';

/** `typ` of the JWT grants of identity chaining: none of its own, or that of draft-ietf-oauth-rfc7523bis. */
export const chainingGrantTypes = [undefined, 'jwt', 'authorization-grant+jwt'] as const;

/** Authorization server metadata, as one that redeems ID-JAGs. */
export const idJagMetadata = {
  authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
};
