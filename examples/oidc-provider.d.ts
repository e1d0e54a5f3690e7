/** The part of `oidc-provider` that the examples and tests use; the package has no types of its own. */
declare module 'oidc-provider' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

  export interface Account {
    readonly accountId: string;
    claims(use: string, scope: string): Record<string, unknown>;
  }

  export interface ResourceServer {
    readonly scope: string;
    readonly audience: string;
    readonly accessTokenFormat: 'jwt';
    readonly accessTokenTTL: number;
    readonly jwt: { readonly sign: { readonly alg: 'ES256' } };
  }

  export interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export interface RequestContext {
    body: unknown;
    type: string;
    readonly oidc: {
      readonly client?: { readonly clientId: string };
      readonly params?: Readonly<Record<string, string | undefined>>;
      entity(name: string, value: unknown): void;
      readonly session?: { readonly accountId?: string };
    };
  }

  export interface Configuration {
    readonly jwks: { readonly keys: readonly object[] };
    readonly clients: readonly Readonly<Record<string, unknown>>[];
    readonly cookies?: { readonly keys: readonly string[] };
    readonly scopes?: readonly string[];
    readonly responseTypes?: readonly string[];
    readonly enabledJWA?: Readonly<Record<string, readonly string[]>>;
    readonly ttl?: Readonly<Record<string, number>>;
    readonly features?: Readonly<Record<string, object>>;
    readonly fetch?: (url: URL | string) => Promise<Response>;
    readonly clientBasedCORS?: () => boolean;
    readonly renderError?: (ctx: RequestContext, out: { readonly error: string }) => void;
    readonly findAccount?: (ctx: RequestContext, id: string) => Account | undefined;
    readonly extraTokenClaims?: (
      ctx: RequestContext,
      token: object,
    ) => Readonly<Record<string, unknown>> | undefined;
    readonly loadExistingGrant?: (ctx: RequestContext) => Promise<Grant | undefined>;
    readonly interactions?: {
      readonly url: (ctx: RequestContext, interaction: { readonly uid: string }) => string;
    };
  }

  export const errors: {
    /** RFC 8707 §2 */
    readonly InvalidTarget: new () => Error;
    readonly InvalidGrant: new (detail: string) => Error;
  };

  export class Provider {
    constructor(issuer: string, configuration: Configuration);
    readonly Grant: new (properties: { readonly clientId: string; readonly accountId: string }) => Grant;
    readonly AccessToken: new (properties: {
      readonly accountId: string;
      readonly client: unknown;
      readonly gty: string;
      readonly scope: string;
    }) => { resourceServer: unknown; save(): Promise<string> };
    readonly ResourceServer: new (resource: string, facts: ResourceServer) => object;
    registerGrantType(
      name: string,
      handler: (ctx: RequestContext) => Promise<void>,
      parameters: readonly string[],
    ): void;
    callback(): RequestListener;
    interactionDetails(
      req: IncomingMessage,
      res: ServerResponse,
    ): Promise<{ readonly uid: string; readonly prompt: { readonly name: string } }>;
    interactionFinished(
      req: IncomingMessage,
      res: ServerResponse,
      result: { readonly login: { readonly accountId: string } },
    ): Promise<void>;
  }
}
