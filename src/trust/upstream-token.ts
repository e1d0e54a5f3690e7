import { epochSeconds } from '../kernel/clock.ts';
import { asText } from '../kernel/json.ts';
import type { Deployment } from '../registry/index.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { CallContext } from './call-context.ts';
import { readAuthentication } from './authentication-context.ts';
import { createAuthorizationServers } from './authorization-servers.ts';
import { type IdJagFor, mintCallToken } from './call-token.ts';
import { requireOwnServer } from './choose-output.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import { signJwt } from './jwt.ts';
import type { KnownUser } from './known-user.ts';
import type { Actor, Delegation } from './model.ts';
import type { Standing } from './standing.ts';
import { UpstreamTokenError } from './upstream-token-error.ts';

export interface UpstreamToken {
  readonly token: string;
  readonly delegationId: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

interface Cached {
  readonly token: Promise<UpstreamToken>;
  /** Epoch seconds. */
  useUntil: number;
}

/** The client assertions with which the broker itself authenticates. */
const clientAssertionSeconds = 60;

/** The provider is the same, and so the user is known there as in the token that is re-issued. */
function userOf({ claims }: Delegation): KnownUser {
  const { sub, aud_sub: audSub } = claims;
  return { sub: asText(sub), audSub: typeof audSub === 'string' ? audSub : undefined };
}

/**
 * Re-issues a caller's tenant context for the provider: the deployment's own resource as audience, everything else the
 * same. Its delegation is durable before the token is used. Kept until half of the caller's remaining life; the standing
 * is the caller's, which the gateway checks at each call. Where the provider has an authorization server of its own, what is
 * re-issued is an ID-JAG, and that server's token is what the agent gets: while the server is an issuer of the provider, in force, which
 * is asked at each call too. Throws {@link UpstreamTokenError}.
 */
export function createUpstreamTokens(context: TrustContext) {
  const cache = new BoundedCache<Cached>(20_000);
  const servers = createAuthorizationServers(context);

  async function issue(
    call: CallContext,
    standing: Standing,
    deployment: Deployment,
    idJag?: IdJagFor,
  ): Promise<UpstreamToken> {
    const { delegation } = call;
    const issued = mintCallToken(context, {
      standing,
      audience: deployment.resource,
      deployment: deployment.id,
      idJag,
      clientId: delegation.clientId,
      scope: delegation.scope,
      act: delegation.claims['act'] as unknown as Actor,
      depth: delegation.depth,
      maxDepth: delegation.maxDepth,
      residency: delegation.residency,
      origin: delegation.origin,
      user: userOf(delegation),
      authentication: readAuthentication(delegation.claims),
      txn: delegation.txn,
      parent: delegation,
      chain: { ...delegation.chain, delegations: [...delegation.chain.delegations, delegation.id] },
      notAfter: call.expiresAt,
    });
    const where = {
      deployment: deployment.id,
      ...(idJag === undefined ? {} : { authorizationServer: idJag.authorizationServer }),
    };
    const commit = await context.repository.commit([
      ...context.repository.insertDelegation(issued.delegation),
      ...context.audit.writes({
        action: 'token.reissue',
        outcome: 'allowed',
        client: delegation.clientId,
        tenant: delegation.tenant,
        provider: delegation.provider,
        agent: delegation.agent,
        txn: delegation.txn,
        detail: {
          delegation: issued.delegation.id,
          parent: delegation.id,
        },
        // Which deployment serves whom is its provider's affair: others see one address.
        restricted: where,
        own: { [`provider:${delegation.provider}`]: where },
      }),
    ]);
    if (!commit.ok) throw new Error('a freshly made id was taken');
    return {
      token: issued.token,
      delegationId: issued.delegation.id,
      expiresAt: issued.delegation.expiresAt,
    };
  }

  /** The broker is the client there: it redeems the ID-JAG, and calls with what it gets for it. */
  async function redeem(
    call: CallContext,
    standing: Standing,
    deployment: Deployment,
    authorizationServer: string,
  ): Promise<UpstreamToken> {
    const clientId = deployment.brokerClientId ?? context.brokerUrl;
    // Before anything is made: a server that is down leaves no delegations behind.
    const endpoint = await servers.tokenEndpoint(authorizationServer);
    const idJag = await issue(call, standing, deployment, { authorizationServer, clientId });
    const { token, expiresIn } = await servers.redeem(authorizationServer, endpoint, {
      assertion: idJag.token,
      client_assertion: clientAssertion(clientId, authorizationServer),
    });
    const expiresAt = Math.min(epochSeconds(context.clock) + Math.floor(expiresIn), call.expiresAt);
    return { token, delegationId: idJag.delegationId, expiresAt };
  }

  /** `private_key_jwt`, by the key that signs our tokens, for this one server. */
  function clientAssertion(clientId: string, audience: string): string {
    const now = epochSeconds(context.clock);
    const claims = { iss: clientId, sub: clientId, aud: audience, jti: context.ids.next('jti') };
    return signJwt(
      { ...claims, iat: now, exp: now + clientAssertionSeconds },
      'client-authentication+jwt',
      context.keys.signingKey(),
    );
  }

  /**
   * All that makes another token of the same call. After a rotation because of a compromise, what the key before has signed is of no use.
   */
  function cacheKey({ delegation }: CallContext, standing: Standing, deployment: Deployment): string {
    const { id, resource, authorizationServer, brokerClientId, awsSessionTags } = deployment;
    const { audTenant } = standing.subscription;
    const { keyId } = context.keys.signingKey();
    return JSON.stringify([
      delegation.id,
      id,
      resource,
      authorizationServer,
      brokerClientId,
      awsSessionTags,
      audTenant,
      keyId,
    ]);
  }

  return {
    /** The agent did not take it: its provider's server may have ended it, and gives another to the next call. */
    forget(call: CallContext, standing: Standing, deployment: Deployment): void {
      if (deployment.authorizationServer !== undefined) cache.delete(cacheKey(call, standing, deployment));
    },
    async get(call: CallContext, standing: Standing, deployment: Deployment): Promise<UpstreamToken> {
      const { authorizationServer } = deployment;
      if (authorizationServer !== undefined)
        await requireServerOf(context, authorizationServer, standing.agent.provider);
      const now = epochSeconds(context.clock);
      const key = cacheKey(call, standing, deployment);
      const cached = cache.get(key);
      if (cached !== undefined && cached.useUntil > now) return cached.token;
      const token =
        authorizationServer === undefined
          ? issue(call, standing, deployment)
          : redeem(call, standing, deployment, authorizationServer);
      const entry = { token, useUntil: now + (call.expiresAt - now) / 2 };
      cache.set(key, entry);
      token.then(
        ({ expiresAt }) => (entry.useUntil = Math.min(entry.useUntil, now + (expiresAt - now) / 2)),
        () => cache.delete(key),
      );
      return token;
    },
  };
}

async function requireServerOf(context: TrustContext, issuer: string, provider: string): Promise<void> {
  try {
    await requireOwnServer(context, issuer, provider);
  } catch (error) {
    if (!(error instanceof OAuthRefusal)) throw error;
    throw new UpstreamTokenError('UPSTREAM_REFUSED', { problem: error.reason }, error);
  }
}
