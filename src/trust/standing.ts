import { type Party, partyId, partyKind } from '../kernel/principal.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { type CallableAgent, isOnOffer } from '../registry/index.ts';
import type { ReadOptions } from '../storage/port.ts';
import { isLive, type Subscription, type Tenant, type User } from '../tenancy/index.ts';
import type { TrustContext } from './deps.ts';
import { isInForce } from './make-agreement.ts';
import type { Client, Delegation, TrustRecord } from './model.ts';
import { recent } from './recent-facts.ts';
import { stillMaps } from './still-maps.ts';

/** Why a chain no longer holds; also the reason that the gateway answers. */
export type StandingProblem =
  | 'TENANT_CONTEXT_INVALID'
  | 'NOT_SUBSCRIBED'
  | 'AGREEMENT_REVOKED'
  | 'AGENT_UNAVAILABLE';

/** Why nothing may begin; of a chain that runs, a blocked user is the end of its tenant context. */
export type TargetProblem = StandingProblem | 'USER_BLOCKED';

export interface Standing {
  readonly tenant: Tenant;
  readonly subscription: Subscription;
  readonly agent: CallableAgent;
}

/**
 * A yes may rest on what was known lately; before a no, the facts are read as they are: a revocation is in force within
 * seconds, and what was just made or mended counts at once.
 */
async function ask(
  check: (options: ReadOptions) => Promise<Result<Standing, TargetProblem>>,
): Promise<Result<Standing, TargetProblem>> {
  const answer = await check(recent);
  return answer.ok ? answer : check({});
}

/** Whether this agent may be called in the name of this user of the tenant, now. */
export function checkTarget(
  context: TrustContext,
  of: { readonly tenant: string; readonly origin: User },
  agentId: string,
): Promise<Result<Standing, TargetProblem>> {
  return ask((options) => checkTargetBy(context, of, agentId, options));
}

async function checkTargetBy(
  context: TrustContext,
  { tenant: tenantId, origin }: { readonly tenant: string; readonly origin: User },
  agentId: string,
  options: ReadOptions,
): Promise<Result<Standing, TargetProblem>> {
  const [tenant, agent, subscription] = await Promise.all([
    context.tenancy.getTenant(tenantId, options),
    context.registry.callableAgent(agentId, options),
    context.tenancy.findSubscription(tenantId, agentId, options),
  ]);
  if (tenant?.status !== 'active') return err('TENANT_CONTEXT_INVALID');
  if (tenant.blocksUsers === true && (await context.tenancy.isUserBlocked(tenantId, origin, options)))
    return err('USER_BLOCKED');
  if (agent === undefined || !isOnOffer(agent)) return err('AGENT_UNAVAILABLE');
  if (!isLive(subscription, context.clock.now())) return err('NOT_SUBSCRIBED');
  return ok({ tenant, subscription, agent });
}

/**
 * Whether everything that a delegation rests on still holds: the tenant, its issuer and whose that is, its user, every client and its
 * company, every agreement, agent and subscription of the chain, and no delegation in it revoked. Asked at every exchange and relayed
 * call.
 */
export async function checkChain(
  context: TrustContext,
  delegation: Delegation,
): Promise<Result<Standing, StandingProblem>> {
  const standing = await ask((options) => checkChainBy(context, delegation, options));
  if (standing.ok) return standing;
  return err(standing.error === 'USER_BLOCKED' ? 'TENANT_CONTEXT_INVALID' : standing.error);
}

async function checkChainBy(
  context: TrustContext,
  delegation: Delegation,
  options: ReadOptions,
): Promise<Result<Standing, TargetProblem>> {
  const now = context.clock.now();
  const earlierAgents = delegation.chain.agents.filter((agent) => agent !== delegation.agent);
  const [target, facts, ...earlier] = await Promise.all([
    checkTargetBy(context, delegation, delegation.agent, options),
    context.repository.chainFacts(
      { ...delegation.chain, delegations: [...delegation.chain.delegations, delegation.id] },
      delegation.origin.issuer,
      options,
    ),
    ...earlierAgents.map((agent) => checkTargetBy(context, delegation, agent, options)),
  ]);
  if (!target.ok) return target;
  // Cancelled and made anew with less: a token of the one before, with more, does not come back to life.
  const { scopes } = target.value.subscription;
  if (!delegation.scope.every((scope) => scopes.includes(scope))) return err('NOT_SUBSCRIBED');
  const brokenEarlier = earlier.find((result) => !result.ok);
  if (brokenEarlier !== undefined) return brokenEarlier;
  if (!isTrusted(facts.trustRecord, now)) return err('TENANT_CONTEXT_INVALID');
  if (!(await stillMaps(context, facts.trustRecord, delegation, options)))
    return err('TENANT_CONTEXT_INVALID');
  if (!(await isSpeakerActive(context, facts.trustRecord, delegation.tenant, options)))
    return err('TENANT_CONTEXT_INVALID');
  if (!(await areInForce(context, facts.clients, delegation.chain.agents, options)))
    return err('TENANT_CONTEXT_INVALID');
  if (facts.delegations.some((link) => link === undefined || link.revokedAt !== undefined))
    return err('TENANT_CONTEXT_INVALID');
  if (!facts.agreements.every((agreement) => isInForce(agreement, now))) return err('AGREEMENT_REVOKED');
  return ok(within(target.value, delegation.residency));
}

/** Companies of `agents` are known to be active, since those are on offer: most chains need no further read. */
async function areInForce(
  context: TrustContext,
  clients: readonly (Client | undefined)[],
  agents: readonly string[],
  options: ReadOptions,
): Promise<boolean> {
  const companies = new Set(agents.map((agent) => `provider:${agent.slice(0, agent.indexOf('/'))}`));
  const answers = await Promise.all(
    clients.map(
      async (client) =>
        client?.status === 'active' &&
        (companies.has(client.owner) || (await isOwnerActive(context, client, options))),
    ),
  );
  return answers.every(Boolean);
}

/** A provider's program acts for nobody while the provider is suspended. A tenant's is judged with its tenant. */
export async function isOwnerActive(
  context: TrustContext,
  { owner }: Client,
  options?: ReadOptions,
): Promise<boolean> {
  return partyKind(owner) === 'tenant' || isPartyActive(context, owner, options);
}

/** A suspended company's issuer speaks for nobody. A tenant's own is judged with its tenant. */
export async function isSpeakerActive(
  context: TrustContext,
  { owner }: TrustRecord,
  tenant: string,
  options?: ReadOptions,
): Promise<boolean> {
  return owner === `tenant:${tenant}` || isPartyActive(context, owner, options);
}

export async function isPartyActive(
  context: TrustContext,
  party: Party,
  options?: ReadOptions,
): Promise<boolean> {
  const id = partyId(party);
  const found =
    partyKind(party) === 'tenant'
      ? await context.tenancy.getTenant(id, options)
      : await context.registry.getProvider(id, options);
  return found?.status === 'active';
}

/** The same, served only where `residency` allows it as well: terms of agreements never widen a tenant's own. */
export function within(standing: Standing, residency: readonly string[] | undefined): Standing {
  const both = bothOf(standing.tenant.residency, residency);
  return both === undefined ? standing : { ...standing, tenant: { ...standing.tenant, residency: both } };
}

/** Regions that both allow; absent is no limit, and none in common is nowhere. */
export function bothOf(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
): readonly string[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.filter((region) => b.includes(region));
}

export function isTrusted(record: TrustRecord | undefined, now: number): record is TrustRecord {
  return record?.status === 'active' && (record.expiresAt === undefined || record.expiresAt > now);
}
