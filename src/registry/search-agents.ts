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

/** Then a page is given as far as it got. */
const maxReads = 20;

/**
 * Agents that the caller may see and that fit, by id. Pages are filled up: how short one is would tell how many agents the caller
 * may not see. Only where next to nothing fits a page is short and still has a cursor.
 */
export async function searchAgents(
  context: RegistryContext,
  query: AgentQuery,
  by: Principal,
): Promise<Page<Agent>> {
  const items: StoredRecord<Agent>[] = [];
  let { cursor } = query;
  for (let read = 0; read < maxReads && items.length < query.limit; read++) {
    const page = { limit: query.limit - items.length, ...(cursor === undefined ? {} : { cursor }) };
    const found = await context.repository.agents(page, query.provider);
    const active = await activeProviders(context, found.items);
    items.push(
      ...found.items.filter(
        ({ value }) =>
          fits(value, query) &&
          (maySeeAll(by, value) || isOnOffer({ status: value.status, providerStatus: active(value) })),
      ),
    );
    cursor = found.cursor;
    if (cursor === undefined) return { items };
  }
  return cursor === undefined ? { items } : { items, cursor };
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
