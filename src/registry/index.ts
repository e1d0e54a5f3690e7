import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Page, ReadOptions } from '../storage/port.ts';
import {
  admitProvider,
  type NewProvider,
  requireProvider,
  setProviderStatus,
  type Update,
} from './admit-provider.ts';
import { type Agent, type CallableAgent, type CardVersion, type Deployment, isOnOffer } from './agent.ts';
import { createBrokeredCards, type ServedCard } from './brokered-cards.ts';
import { type AgentStep, type AgentVersion, moveAgent, refreshAgent, requireAgent } from './change-agent.ts';
import {
  addDeployment,
  changeDeployment,
  type DeploymentChange,
  type NewDeployment,
} from './deploy-agent.ts';
import type { RegistryDeps } from './deps.ts';
import type { Provider } from './provider.ts';
import { type NewAgent, registerAgent } from './register-agent.ts';
import { createRegistryRepository, type PageRequest, type ResourceOwner } from './registry-repository.ts';
import { type AgentQuery, maySeeAll, searchAgents } from './search-agents.ts';

export { builtInScopes, type CallableAgent, type Deployment, isOnOffer } from './agent.ts';
export type { CardSigner } from './broker-card.ts';
export { chooseDeployment } from './choose-deployment.ts';
export { registryErrors } from './errors.ts';
export type { Provider } from './provider.ts';

interface ProviderVersion {
  readonly provider: Provider;
  readonly version: string;
}

/** Who offers which agents, and where they are. See the use cases' files for what each throws. */
export interface Registry {
  admitProvider(input: NewProvider, by: Principal): Promise<ProviderVersion>;
  setProviderStatus(
    id: string,
    status: 'active' | 'suspended',
    reason: string,
    update: Update,
  ): Promise<ProviderVersion>;
  /** Throws `not_found`. */
  readProvider(id: string): Promise<ProviderVersion>;
  getProvider(id: string, options?: ReadOptions): Promise<Provider | undefined>;
  listProviders(page: PageRequest): Promise<Page<Provider>>;

  registerAgent(provider: string, input: NewAgent, by: Principal): Promise<AgentVersion>;
  moveAgent(id: string, step: AgentStep, reason: string | undefined, update: Update): Promise<AgentVersion>;
  refreshAgent(id: string, update: Update): Promise<AgentVersion>;
  addDeployment(agent: string, input: NewDeployment, update: Update): Promise<Deployment>;
  changeDeployment(agent: string, id: string, change: DeploymentChange, update: Update): Promise<Deployment>;
  /** Throws `not_found`, also for what the caller may not see. */
  readAgent(id: string, by: Principal): Promise<AgentVersion>;
  searchAgents(query: AgentQuery, by: Principal): Promise<Page<Agent>>;
  listCardVersions(id: string, page: PageRequest): Promise<Page<CardVersion>>;

  /** One read, whatever the status: ask {@link isOnOffer}. */
  callableAgent(id: string, options?: ReadOptions): Promise<CallableAgent | undefined>;
  /** Of an agent that is on offer. */
  publishedScopes(id: string): Promise<readonly string[] | undefined>;
  findResource(resource: string): Promise<ResourceOwner | undefined>;
  brokeredCard(id: string): Promise<ServedCard | undefined>;
  originalCard(id: string): Promise<ServedCard | undefined>;
}

export function createRegistry(deps: RegistryDeps): Registry {
  const repository = createRegistryRepository(deps.store);
  const context = { ...deps, repository };
  const cards = createBrokeredCards(context);

  async function callableAgent(id: string, options?: ReadOptions): Promise<CallableAgent | undefined> {
    const { agent, provider } = await repository.agentAndProvider(id, options);
    if (agent === undefined || provider === undefined) return undefined;
    return { ...agent.value, providerStatus: provider.value.status };
  }

  return {
    admitProvider: (input, by) => admitProvider(context, input, by),
    setProviderStatus: (id, status, reason, update) => setProviderStatus(context, id, status, reason, update),
    readProvider: async (id) => {
      const { value, version } = await requireProvider(context, id);
      return { provider: value, version };
    },
    getProvider: async (id, options) => (await repository.provider(id, options))?.value,
    listProviders: (page) => repository.providers(page),
    registerAgent: (provider, input, by) => registerAgent(context, provider, input, by),
    moveAgent: (id, step, reason, update) => moveAgent(context, id, step, reason, update),
    refreshAgent: (id, update) => refreshAgent(context, id, update),
    addDeployment: (agent, input, update) => addDeployment(context, agent, input, update),
    changeDeployment: (agent, id, change, update) => changeDeployment(context, agent, id, change, update),
    readAgent: async (id, by) => {
      const { value, version } = await requireAgent(context, id);
      const callable = await callableAgent(id);
      if (!maySeeAll(by, value) && !(callable !== undefined && isOnOffer(callable)))
        throw new Fault('not_found', `There is no agent ${id}.`);
      return { agent: value, version };
    },
    searchAgents: (query, by) => searchAgents(context, query, by),
    listCardVersions: (id, page) => repository.cards(id, page),
    callableAgent,
    publishedScopes: async (id) => {
      const agent = await callableAgent(id);
      return agent !== undefined && isOnOffer(agent) ? agent.scopes : undefined;
    },
    findResource: (resource) => repository.resourceOwner(resource),
    brokeredCard: (id) => cards.brokered(id),
    originalCard: (id) => cards.original(id),
  };
}
