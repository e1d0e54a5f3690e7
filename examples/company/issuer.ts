import type { JWK } from 'jose';
import { type Configuration, errors, Provider } from 'oidc-provider';

/** What a provider's and a tenant's issuer have in common: ES256 everywhere, short lives, plain errors. */
export function issuerConfiguration(key: JWK, clients: Configuration['clients']): Configuration {
  return {
    jwks: { keys: [key] },
    clients,
    responseTypes: ['code'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES256'], idTokenSigningAlgValues: ['ES256'] },
    ttl: {
      AccessToken: 300,
      AuthorizationCode: 60,
      ClientCredentials: 300,
      Grant: 3600,
      IdToken: 900,
      Interaction: 600,
      Session: 3600,
    },
    clientBasedCORS: () => false,
    renderError: (ctx, { error }) => {
      ctx.type = 'text';
      ctx.body = error;
    },
  };
}

/** A provider's own issuer: it tells its own programs apart, and gives them tokens for the broker (RFC 8707). */
export function createProviderIssuer(facts: {
  readonly issuer: string;
  readonly key: JWK;
  readonly broker: string;
  readonly clientId: string;
  readonly clientJwks: { readonly keys: readonly JWK[] };
}): Provider {
  const client = {
    client_id: facts.clientId,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'private_key_jwt',
    id_token_signed_response_alg: 'ES256',
    jwks: facts.clientJwks,
  };
  return new Provider(facts.issuer, {
    ...issuerConfiguration(facts.key, [client]),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx: unknown, resource: string) => {
          if (resource !== facts.broker) throw new errors.InvalidTarget();
          return {
            scope: '',
            audience: facts.broker,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 300,
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
  });
}
