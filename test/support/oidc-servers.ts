import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, exportJWK, type JWK, type JWTPayload, jwtVerify } from 'jose';
import { type Configuration, errors, Provider } from 'oidc-provider';
import { newParty } from './party.ts';

export const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const appRedirect = 'http://127.0.0.1/signed-in';

/** A real OpenID provider of a company, on loopback. */
export interface OidcServer {
  readonly issuer: string;
  readonly jwksUri: string;
  close(): Promise<void>;
}

export interface KnownClient {
  readonly id: string;
  readonly jwks?: { readonly keys: readonly JWK[] };
  /** Where its keys are, instead. */
  readonly jwksUri?: string;
}

/**
 * A provider's own authorization server. Its one grant is the ID-JAG of the broker: checked by the broker's published keys, for
 * itself alone, for the client that authenticates, and once. What it gives is a token of its own for the resource.
 */
export async function startIdJagServer(options: {
  readonly broker: string;
  readonly clients: readonly KnownClient[];
}): Promise<OidcServer & { readonly redeemed: JWTPayload[] }> {
  const redeemed: JWTPayload[] = [];
  const granted = new WeakMap<object, JWTPayload>();
  const used = new Set<string>();
  const brokerKeys = createRemoteJWKSet(new URL(`${options.broker}/.well-known/jwks.json`));

  const server = await serve((issuer, key) => {
    const clients = options.clients.map(({ id, jwks, jwksUri }) => ({
      client_id: id,
      grant_types: [bearerGrant],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      id_token_signed_response_alg: 'ES256',
      ...(jwks === undefined ? { jwks_uri: jwksUri } : { jwks }),
    }));
    const provider = new Provider(issuer, {
      ...common(key, clients),
      features: { devInteractions: { enabled: false } },
      extraTokenClaims: (_ctx, token) => {
        const claims = granted.get(token);
        if (claims === undefined) return undefined;
        const { tenant, txn, act } = claims;
        return { tenant, txn, act, grant_jti: claims.jti };
      },
    });
    const accept = async (assertion: string, clientId: string | undefined): Promise<JWTPayload> => {
      const { payload } = await jwtVerify(assertion, brokerKeys, {
        issuer: options.broker,
        audience: issuer,
        typ: 'oauth-id-jag+jwt',
        algorithms: ['ES256'],
        requiredClaims: ['sub', 'client_id', 'jti', 'iat', 'exp', 'resource', 'scope', 'tenant'],
        maxTokenAge: '2 minutes',
      });
      if (typeof payload.aud !== 'string' || payload['client_id'] !== clientId) throw new Error('not for it');
      if (used.has(payload.jti ?? '')) throw new Error('used before');
      used.add(payload.jti ?? '');
      return payload;
    };
    provider.registerGrantType(
      bearerGrant,
      async (ctx) => {
        const { client, params } = ctx.oidc;
        const claims = await accept(params?.['assertion'] ?? '', client?.clientId).catch((error: unknown) => {
          throw new errors.InvalidGrant(String(error));
        });
        redeemed.push(claims);
        const scope = claims['scope'] as string;
        const token = new provider.AccessToken({
          accountId: claims.sub ?? '',
          client,
          gty: 'jwt-bearer',
          scope,
        });
        token.resourceServer = new provider.ResourceServer(claims['resource'] as string, {
          scope,
          audience: claims['resource'] as string,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'ES256' } },
        });
        granted.set(token, claims);
        ctx.oidc.entity('AccessToken', token);
        ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: 300, scope };
      },
      ['assertion', 'scope'],
    );
    return provider.callback();
  });
  return { ...server, redeemed };
}

/** A tenant's identity provider. Its one user, alice, is signed in as soon as somebody asks. */
export async function startIdentityProvider(app: {
  readonly id: string;
  readonly broker: string;
}): Promise<OidcServer> {
  return serve((issuer, key) => {
    const client = {
      client_id: app.id,
      application_type: 'web',
      grant_types: ['authorization_code'],
      redirect_uris: [appRedirect],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
    };
    const provider: Provider = new Provider(issuer, {
      ...common(key, [client]),
      cookies: { keys: ['of-a-test'] },
      features: {
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'a2a:read',
            audience: app.broker,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 300,
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
      findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({
          clientId: oidc.client?.clientId ?? '',
          accountId: oidc.session?.accountId ?? '',
        });
        grant.addOIDCScope('openid');
        grant.addResourceScope(app.broker, 'a2a:read');
        await grant.save();
        return grant;
      },
      interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    });
    const handle = provider.callback();
    return (request, response) => {
      if (request.url?.startsWith('/sign-in/') === true)
        void provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
      else handle(request, response);
    };
  });
}

function common(key: JWK, clients: Configuration['clients']): Configuration {
  return {
    jwks: { keys: [key] },
    clients,
    responseTypes: ['code'],
    scopes: ['openid'],
    enabledJWA: { clientAuthSigningAlgValues: ['ES256'], idTokenSigningAlgValues: ['ES256'] },
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 600, IdToken: 300, Interaction: 60, Session: 600 },
    // Of itself it fetches nothing from loopback.
    fetch: (url) => globalThis.fetch(url),
    clientBasedCORS: () => false,
    renderError: (ctx, out) => {
      ctx.type = 'text';
      ctx.body = JSON.stringify(out);
    },
  };
}

/** Listens first: an issuer's name contains its port. */
async function serve(build: (issuer: string, key: JWK) => RequestListener): Promise<OidcServer> {
  let handle: RequestListener = (_, response) => void response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey, jwks } = await newParty();
  handle = build(issuer, {
    ...(await exportJWK(privateKey)),
    kid: jwks.keys[0]?.kid ?? '',
    alg: 'ES256',
    use: 'sig',
  });
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
