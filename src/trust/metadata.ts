import { managementScopes } from '../kernel/principal.ts';
import { idJagMetadata } from './id-jag.ts';
import { grantTypes } from './model.ts';
import { clientAlgorithms } from './signature.ts';

/**
 * RFC 8414, and the same facts for those who look at the OpenID location. There is no `authorization_endpoint`: people
 * sign in at their own company's issuer, never here.
 */
export function authorizationServerMetadata(brokerUrl: string) {
  return {
    issuer: brokerUrl,
    token_endpoint: `${brokerUrl}/oauth/token`,
    jwks_uri: `${brokerUrl}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: Object.values(grantTypes),
    ...idJagMetadata,
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: [...clientAlgorithms],
    introspection_endpoint: `${brokerUrl}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
    introspection_endpoint_auth_signing_alg_values_supported: [...clientAlgorithms],
    revocation_endpoint: `${brokerUrl}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: ['private_key_jwt'],
    revocation_endpoint_auth_signing_alg_values_supported: [...clientAlgorithms],
    // RFC 9449 §5.1
    dpop_signing_alg_values_supported: [...clientAlgorithms],
    scopes_supported: [...managementScopes],
    service_documentation: `${brokerUrl}/docs`,
  };
}

/** OpenID Connect Discovery §3 asks for these two; pairwise subjects are what providers get. */
export function openIdMetadata(brokerUrl: string) {
  return {
    ...authorizationServerMetadata(brokerUrl),
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}

/** RFC 9728: where a caller of this agent gets its token. */
export function protectedResourceMetadata(
  brokerUrl: string,
  agent: { readonly id: string; readonly scopes: readonly string[] },
  dpopRequired: boolean,
) {
  return {
    resource: `${brokerUrl}/a2a/${agent.id}`,
    authorization_servers: [brokerUrl],
    scopes_supported: [...agent.scopes],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: [...clientAlgorithms],
    dpop_bound_access_tokens_required: dpopRequired,
  };
}
