import type { CryptoKey } from 'jose';
import * as oidc from 'openid-client';

/** Tokens of the company's own issuer about its agent, for the broker: they put the company's own name into the chain. */
export function createActorTokens(facts: {
  readonly issuer: string;
  readonly clientId: string;
  readonly key: CryptoKey;
  readonly keyId: string;
  readonly broker: string;
}): () => Promise<string> {
  let configuration: Promise<oidc.Configuration> | undefined;
  let cached: { readonly token: string; readonly useUntil: number } | undefined;

  function discover(): Promise<oidc.Configuration> {
    const insecure = facts.issuer.startsWith('http:') ? { execute: [oidc.allowInsecureRequests] } : {};
    const discovering = oidc.discovery(
      new URL(facts.issuer),
      facts.clientId,
      undefined,
      oidc.PrivateKeyJwt({ key: facts.key, kid: facts.keyId }),
      insecure,
    );
    discovering.catch(() => (configuration = undefined));
    return discovering;
  }

  return async () => {
    if (cached !== undefined && cached.useUntil > Date.now()) return cached.token;
    configuration ??= discover();
    const answer = await oidc.clientCredentialsGrant(await configuration, { resource: facts.broker });
    // Used until half of its life is over, so that the exchange never gets one that is about to end.
    cached = { token: answer.access_token, useUntil: Date.now() + (answer.expiresIn() ?? 0) * 500 };
    return cached.token;
  };
}
