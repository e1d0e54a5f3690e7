import { chooseDeployment } from '../registry/index.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import type { Standing } from './standing.ts';
import { bad, type TokenRequest } from './token-request.ts';

export interface Target {
  readonly agentId: string;
  /** The token's `aud`. */
  readonly audience: string;
  /** Set when the token is to be presented to the deployment itself. */
  readonly deployment?: string;
  /** What the caller takes for the deployment's authorization server. */
  readonly authorizationServer?: string;
}

/**
 * `resource` (RFC 8707: the brokered address, or a registered deployment's own) or `audience` (`provider/agent`). Exactly
 * one target; both may be sent when they mean the same. Beside a deployment's resource, `audience` may be the issuer of its
 * authorization server instead, as those who ask for an ID-JAG say it. What does not exist and what is not for the caller are told apart
 * nowhere. Throws `invalid_target`, `invalid_request`.
 */
export async function resolveTarget(context: TrustContext, request: TokenRequest): Promise<Target> {
  const { resource, audience } = request;
  if (resource === undefined && audience === undefined)
    throw bad('target_missing', 'resource or audience is needed: which agent the token is for.');
  const named = audience === undefined ? undefined : byName(context.brokerUrl, audience);
  const located = resource === undefined ? undefined : await byResource(context, resource);
  if (audience !== undefined && named === undefined && located?.deployment !== undefined)
    return { ...located, authorizationServer: audience };
  if (audience !== undefined && named === undefined) throw invalidTarget('target_unknown');
  const target = located ?? named;
  if (target === undefined || (resource !== undefined && located === undefined))
    throw invalidTarget('target_unknown');
  if (named !== undefined && named.agentId !== target.agentId) throw invalidTarget('target_ambiguous');
  return target;
}

/**
 * Who calls a deployment directly goes around the gateway's choice of one, so the same rules hold here: never another
 * tenant's silo, never outside of the tenant's residency. Of deployments that share a resource one is enough. Throws
 * `invalid_target`.
 */
export function requireReachable(target: Target, { agent, tenant }: Standing): void {
  if (target.deployment === undefined) return;
  const reachable = agent.deployments.some(
    ({ id, resource }) =>
      resource === target.audience && chooseDeployment(agent, tenant, { pinned: id, random: 0 }).ok,
  );
  if (!reachable) throw invalidTarget('deployment_unavailable');
}

/**
 * Whether anything is left where the target may be served under the terms of the chain's agreements: through the gateway, which
 * chooses again at each call, too. Throws `invalid_target`.
 */
export function requireServed(target: Target, standing: Standing): void {
  requireReachable(target, standing);
  const anywhere = chooseDeployment(standing.agent, standing.tenant, { random: 0 });
  if (!anywhere.ok && anywhere.error === 'RESIDENCY_UNSATISFIABLE')
    throw invalidTarget('residency_unsatisfiable');
}

export function invalidTarget(reason: string): OAuthRefusal {
  return new OAuthRefusal('invalid_target', reason, 'There is no such target for this client and subject.');
}

/** `{broker}/a2a/{provider}/{agent}` */
export function brokeredUrl(brokerUrl: string, agentId: string): string {
  return `${brokerUrl}/a2a/${agentId}`;
}

const agentIdPattern = /^[a-z0-9._-]{1,64}\/[a-z0-9._-]{1,64}$/;

function byName(brokerUrl: string, agentId: string): Target | undefined {
  return agentIdPattern.test(agentId) ? { agentId, audience: brokeredUrl(brokerUrl, agentId) } : undefined;
}

async function byResource(context: TrustContext, resource: string): Promise<Target | undefined> {
  if (resource.length > 512 || resource.includes('#')) return undefined;
  const prefix = `${context.brokerUrl}/a2a/`;
  if (resource.startsWith(prefix)) return byName(context.brokerUrl, resource.slice(prefix.length));
  const owner = await context.registry.findResource(resource);
  return owner === undefined
    ? undefined
    : { agentId: owner.agentId, audience: resource, deployment: owner.deploymentId };
}
