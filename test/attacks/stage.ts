import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Overrides } from '../../src/main.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import { scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call, cardFor, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { type Recorder, recordWrites } from './recorder.ts';

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** A program with a key of its own, as the token endpoint knows it. */
export interface Program {
  readonly clientId: string;
  readonly client: Party;
}

/** A real broker, one provider with an agent, and two tenants that must never meet. */
export interface Stage {
  readonly url: string;
  /** The operator's token. */
  readonly token: string;
  readonly broker: RunningBroker;
  readonly store: Recorder;
  readonly agent: ScriptedAgent;
  readonly market: Market;
  readonly acme: MarketTenant;
  readonly globex: MarketTenant;
  /** Ends with the stage. */
  adopt<T extends { close(): Promise<void> }>(part: T): T;
  close(): Promise<void>;
}

export async function openStage(
  overrides: Overrides = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const clock: Clock = overrides.clock ?? systemClock;
  const store = recordWrites(overrides.store ?? openMemoryStore({ clock }));
  const parts: { close(): Promise<void> }[] = [];
  const adopt = <T extends { close(): Promise<void> }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const agent = adopt(await scriptedAgent());
  const broker = await runBroker({ ...overrides, store }, env);
  const market = await openMarket(broker, agent.url);
  return {
    url: broker.url,
    token: broker.token,
    broker,
    store,
    agent,
    market,
    acme: await market.addTenant('acme'),
    globex: await market.addTenant('globex'),
    adopt,
    close: async () => {
      await broker.close();
      for (const part of parts) await part.close();
    },
  };
}

type NewClient = Readonly<Record<string, unknown>> & { readonly id: string; readonly owner: string };

/** Registers a program, by default one that may exchange tokens. */
export async function addProgram(stage: Stage, client: NewClient): Promise<Program> {
  const party = await newParty();
  await call(stage, 'POST', '/v1/clients', {
    name: client.id,
    jwks: party.jwks,
    grantTypes: [exchangeGrant, 'client_credentials'],
    ...client,
  });
  return { clientId: client.id, client: party };
}

export interface Company {
  readonly provider: string;
  /** `provider/agent` */
  readonly agent: string;
  /** The program that the agent is. */
  readonly program: Program;
  /** What the agent behind the gateway was asked. */
  readonly upstream: ScriptedAgent;
}

/** One more independent provider with one published agent; tenants subscribe to it as `tenants` says. */
export async function addCompany(
  stage: Stage,
  agent: string,
  tenants: readonly MarketTenant[] = [],
  options: Readonly<Record<string, unknown>> = {},
): Promise<Company> {
  const [provider = '', name = ''] = agent.split('/');
  const upstream = stage.adopt(await scriptedAgent());
  await call(stage, 'POST', '/v1/providers', { id: provider, name: provider });
  await call(stage, 'POST', `/v1/providers/${provider}/agents`, {
    id: name,
    card: cardFor(upstream.url),
    ...options,
  });
  await call(stage, 'POST', `/v1/agents/${agent}/publish`, { reason: 'test' });
  for (const { id } of tenants) await call(stage, 'POST', `/v1/tenants/${id}/subscriptions`, { agent });
  const program = await addProgram(stage, {
    id: `${provider}-${name}`,
    owner: `provider:${provider}`,
    agent,
  });
  return { provider, agent, program, upstream };
}

/** The program that the market's own agent is: it may pass on what the agent receives. */
export function addMarketAgentProgram(stage: Stage): Promise<Program> {
  return addProgram(stage, {
    id: 'skyways-flights',
    owner: `provider:${stage.market.provider}`,
    agent: stage.market.agent,
  });
}

export function agree(
  stage: Stage,
  from: string,
  to: string,
  terms: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly id: string }> {
  return call(stage, 'POST', '/v1/agreements', { from: `provider:${from}`, to: `provider:${to}`, ...terms });
}
