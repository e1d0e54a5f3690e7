import { epochSeconds } from '../kernel/clock.ts';
import type { Deployment } from '../registry/index.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { CallContext } from './call-context.ts';
import { mintCallToken } from './call-token.ts';
import { readAuthentication } from './authentication-context.ts';
import type { TrustContext } from './deps.ts';
import type { Actor } from './model.ts';
import type { Standing } from './standing.ts';

export interface UpstreamToken {
  readonly token: string;
  readonly delegationId: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

interface Cached {
  readonly token: Promise<UpstreamToken>;
  /** Epoch seconds. */
  readonly useUntil: number;
}

/**
 * Re-issues a caller's tenant context for the provider: the deployment's own resource as audience, everything else the
 * same. Its delegation is durable before the token is used. Kept until half of the caller's remaining life; the standing
 * is the caller's, which the gateway checks at each call.
 */
export function createUpstreamTokens(context: TrustContext) {
  const cache = new BoundedCache<Cached>(20_000);

  async function issue(
    call: CallContext,
    standing: Standing,
    deployment: Deployment,
  ): Promise<UpstreamToken> {
    const { delegation } = call;
    const issued = mintCallToken(context, {
      standing,
      audience: deployment.resource,
      deployment: deployment.id,
      clientId: delegation.clientId,
      scope: delegation.scope,
      act: delegation.claims['act'] as unknown as Actor,
      depth: delegation.depth,
      maxDepth: delegation.maxDepth,
      origin: delegation.origin,
      authentication: readAuthentication(delegation.claims),
      txn: delegation.txn,
      parent: delegation,
      chain: { ...delegation.chain, delegations: [...delegation.chain.delegations, delegation.id] },
      notAfter: call.expiresAt,
    });
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
        detail: { delegation: issued.delegation.id, parent: delegation.id, deployment: deployment.id },
      }),
    ]);
    if (!commit.ok) throw new Error('a freshly made id was taken');
    return {
      token: issued.token,
      delegationId: issued.delegation.id,
      expiresAt: issued.delegation.expiresAt,
    };
  }

  return {
    get(call: CallContext, standing: Standing, deployment: Deployment): Promise<UpstreamToken> {
      const now = epochSeconds(context.clock);
      // After a rotation because of a compromise, what the key before has signed is of no use.
      const key = `${call.delegation.id} ${deployment.id} ${deployment.resource} ${context.keys.signingKey().keyId}`;
      const cached = cache.get(key);
      if (cached !== undefined && cached.useUntil > now) return cached.token;
      const token = issue(call, standing, deployment);
      cache.set(key, { token, useUntil: now + (call.expiresAt - now) / 2 });
      token.catch(() => cache.delete(key));
      return token;
    },
  };
}
