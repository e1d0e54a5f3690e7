import type { Principal } from '../kernel/principal.ts';
import type { Page, StoredRecord } from '../storage/port.ts';
import { type Agent, isOnOffer } from './agent.ts';
import type { RegistryContext } from './deps.ts';
import type { PageRequest } from './registry-repository.ts';

export interface AgentQuery extends PageRequest {
  readonly q?: string;
  readonly skill?: string;
  readonly tag?: string;
  readonly provider?: string;
  readonly region?: string;
  readonly capability?: 'streaming';
}

/** Agents that the caller may see and that fit, by id. A page may be short and still have a cursor. */
export async function searchAgents(
  context: RegistryContext,
  query: AgentQuery,
  by: Principal,
): Promise<Page<Agent>> {
  const page = { limit: query.limit, ...(query.cursor === undefined ? {} : { cursor: query.cursor }) };
  const found = await context.repository.agents(page, query.provider);
  const active = await activeProviders(context, found.items);
  const items = found.items.filter(
    ({ value }) =>
      fits(value, query) &&
      (maySeeAll(by, value) || isOnOffer({ status: value.status, providerStatus: active(value) })),
  );
  return found.cursor === undefined ? { items } : { items, cursor: found.cursor };
}

/** Drafts and suspended agents are for their own provider and the operator. */
export function maySeeAll(by: Principal, agent: Pick<Agent, 'provider'>): boolean {
  return by.kind === 'operator' || by.owner === `provider:${agent.provider}`;
}

async function activeProviders(context: RegistryContext, agents: readonly StoredRecord<Agent>[]) {
  const ids = [...new Set(agents.map(({ value }) => value.provider))];
  const statuses = await Promise.all(
    ids.map(async (id) => [id, (await context.repository.provider(id))?.value.status] as const),
  );
  const byId = new Map(statuses);
  return (agent: Agent) => byId.get(agent.provider) ?? 'suspended';
}

function fits(agent: Agent, query: AgentQuery): boolean {
  const words = query.q?.toLowerCase().split(/\s+/).filter(Boolean) ?? [];
  const haystack = [
    agent.id,
    agent.name,
    agent.description,
    ...agent.skills.flatMap(({ id, name, tags }) => [id, name, ...tags]),
  ]
    .join('\n')
    .toLowerCase();
  return (
    words.every((word) => haystack.includes(word)) &&
    (query.skill === undefined || agent.skills.some(({ id }) => id === query.skill)) &&
    (query.tag === undefined || agent.skills.some(({ tags }) => tags.includes(query.tag ?? ''))) &&
    (query.region === undefined || agent.deployments.some(({ region }) => region === query.region)) &&
    (query.capability === undefined || agent.streaming)
  );
}
