import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { requireProvider } from './admit-provider.ts';
import { type Agent, agentId, builtInScopes, type Deployment } from './agent.ts';
import { type AgentCard, readCard } from './card.ts';
import type { RegistryContext } from './deps.ts';
import type { RegistryErrorCode } from './errors.ts';
import { fetchCard } from './fetch-card.ts';

export interface NewAgent {
  /** The part after the slash. */
  readonly id: string;
  /** Exactly one of the two. `card` is the card's JSON text. */
  readonly cardUrl?: string;
  readonly card?: string;
  /** Beyond the built-in ones. */
  readonly scopes?: readonly string[];
  readonly region?: string;
  /** Audience of tokens for the default deployment; absent: its URL. */
  readonly resource?: string;
}

/**
 * Reads and checks the card, and makes a draft with one pooled deployment at the card's JSON-RPC interface. Nothing is
 * kept when anything is wrong. Throws `not_found`, `provider_not_active`, `card_unreachable`, `card_invalid`,
 * `agent_exists`, `resource_taken`.
 */
export async function registerAgent(
  context: RegistryContext,
  providerId: string,
  input: NewAgent,
  by: Principal,
): Promise<{ agent: Agent; version: string }> {
  const provider = await requireProvider(context, providerId);
  if (provider.value.status !== 'active')
    throw new Fault<RegistryErrorCode>(
      'provider_not_active',
      `Provider ${providerId} is ${provider.value.status}.`,
    );
  const id = agentId(providerId, input.id);
  if ((await context.repository.agent(id)) !== undefined) throw taken(id);

  const original = input.card ?? (await fetchCard(context, input.cardUrl ?? ''));
  const card = readCard(original);
  const now = context.clock.now();
  const deployment = defaultDeployment(card, input);
  refuseOwnAddresses(context, deployment);
  const agent: Agent = {
    id,
    provider: providerId,
    ...factsOf(card),
    status: 'draft',
    ...(input.cardUrl === undefined ? {} : { cardUrl: input.cardUrl }),
    scopes: [...new Set([...builtInScopes, ...(input.scopes ?? [])])],
    deployments: [deployment],
    createdAt: now,
    updatedAt: now,
  };
  const claim = context.repository.claimResource({
    resource: deployment.resource,
    agentId: id,
    deploymentId: deployment.id,
  });
  const commit = await context.repository.commit([
    claim,
    ...context.repository.insertAgent(agent),
    context.repository.putCard(id, { digest: card.digest, original, createdAt: now }),
    context.repository.providerIsAt(providerId, provider.version),
    ...context.audit.writes({
      action: 'agent.register',
      outcome: 'allowed',
      actor: auditActor(by),
      provider: providerId,
      agent: id,
      detail: { card: card.digest, resource: deployment.resource },
    }),
    ...(await context.events.writes('agent.registered.v1', {
      agent: id,
      provider: providerId,
      card: card.digest,
    })),
  ]);
  if (commit.ok) return { agent, version: commit.version };
  if (commit.failed.includes(0)) throw resourceTaken(deployment.resource);
  if (commit.failed.includes(1)) throw taken(id);
  throw new Fault('conflict', 'The provider was changed by somebody else at the same time. Try again.');
}

/** What the record repeats of the card, so that lists and calls need not read it. */
export function factsOf(
  card: AgentCard,
): Pick<Agent, 'name' | 'description' | 'cardDigest' | 'streaming' | 'skills'> {
  return {
    name: card.facts.name,
    description: card.facts.description,
    cardDigest: card.digest,
    streaming: card.facts.capabilities.streaming === true,
    skills: card.facts.skills.map(({ id, name, tags }) => ({ id, name, tags })),
  };
}

/** Tokens for our own addresses are ours to judge: no deployment may be their audience, be called at them, or send there. */
export function refuseOwnAddresses(
  context: RegistryContext,
  { url, resource, authorizationServer }: Pick<Deployment, 'url' | 'resource' | 'authorizationServer'>,
): void {
  const own = new URL(context.brokerUrl).host;
  for (const address of [url, resource, ...(authorizationServer === undefined ? [] : [authorizationServer])])
    if (address.startsWith(context.brokerUrl) || (URL.canParse(address) && new URL(address).host === own))
      throw new Fault<RegistryErrorCode>('resource_taken', `${address} is an address of the broker itself.`);
}

export function resourceTaken(resource: string): Fault<RegistryErrorCode> {
  return new Fault('resource_taken', `The resource ${resource} belongs to another deployment.`);
}

function taken(id: string): Fault<RegistryErrorCode> {
  return new Fault('agent_exists', `There is an agent ${id} already.`);
}

function defaultDeployment(card: AgentCard, input: NewAgent): Deployment {
  const { url, tenant } = card.endpoint;
  return {
    id: 'default',
    model: 'pooled',
    ...(input.region === undefined ? {} : { region: input.region }),
    url,
    protocolVersion: '1.0',
    ...(tenant === undefined || tenant === '' ? {} : { upstreamTenant: tenant }),
    resource: input.resource ?? url,
    weight: 100,
    state: 'active',
  };
}
