import { AGENT_CARD_PATH, AgentCard } from '@a2a-js/sdk';
import {
  type AgentExecutor,
  DefaultExecutionEventBusManager,
  DefaultRequestHandler,
  InMemoryTaskStore,
} from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler } from '@a2a-js/sdk/server/express';
import express from 'express';
import { type CryptoKey, importJWK } from 'jose';
import {
  brokerFetch,
  createBrokerClient,
  createTenantContextVerifier,
  createUsageReporter,
} from '../../src/kit/index.ts';
import { createActorTokens } from './actor-token.ts';
import { createExecutor, type Skill } from './agent.ts';
import { connect } from './call-agent.ts';
import { createProviderIssuer } from './issuer.ts';
import { listen } from './serve.ts';
import { readSettings } from './settings.ts';
import { openState, publicJwks } from './state.ts';
import { ownerOf, requireTenantContext, userOf } from './tenant-user.ts';
import { writeLine } from './write-line.ts';

export interface Company {
  /** The provider's id at the broker. */
  readonly id: string;
  readonly name: string;
  readonly agent: {
    /** The part after the slash of the agent's id. */
    readonly id: string;
    readonly name: string;
    readonly description: string;
    readonly streaming: boolean;
    readonly skill: { readonly id: string; readonly description: string; readonly tags: readonly string[] };
  };
  /** What it reports usage of; the company is the authority for it. */
  readonly meter: { readonly key: string; readonly unit: string };
}

/** One company in one process: its issuer, its agent, and what the broker must be told about them. */
export async function runCompany(company: Company, skill: Skill): Promise<void> {
  const settings = readSettings();
  const { broker } = settings;
  const state = await openState(settings.state);
  const [issuerKey, agentKey] = await Promise.all([state.key('issuer'), state.key('agent')]);
  const agentId = `${company.id}/${company.agent.id}`;
  const clientId = `${company.id}-${company.agent.id}`;

  const client = createBrokerClient({ broker, clientId, privateKey: agentKey });
  const usage = createUsageReporter({
    client,
    provider: company.id,
    batchMs: 50,
    onLost: (event, { status, reason }) => console.error(`usage ${event.id} is ${status}: ${reason}`),
  });
  const listening = await listen(settings, state, () => usage.close());

  const issuer = `${listening.url}/oidc`;
  const clientJwks = publicJwks(agentKey);
  const oidc = createProviderIssuer({
    issuer,
    key: issuerKey,
    broker,
    clientId: company.agent.id,
    clientJwks,
  });
  const actorToken = createActorTokens({
    issuer,
    broker,
    clientId: company.agent.id,
    key: (await importJWK(agentKey, 'ES256')) as CryptoKey,
    keyId: agentKey.kid ?? '',
  });

  const resource = `${listening.url}/a2a`;
  const executor = createExecutor({
    agentId,
    skill,
    meter: company.meter.key,
    usage,
    connect: (agent, context) =>
      connect(
        broker,
        agent,
        brokerFetch({
          client,
          agent,
          subjectToken: () => context.token,
          subjectTokenType: 'access_token',
          actorToken,
        }),
      ),
  });
  const card = cardOf(company, resource);

  const app = express().disable('x-powered-by');
  app.use('/oidc', oidc.callback());
  app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: () => Promise.resolve(card) }));
  app.use('/a2a', requireTenantContext(createTenantContextVerifier({ broker, audience: resource })));
  app.use('/a2a', jsonRpcHandler({ requestHandler: requestHandler(card, executor), userBuilder: userOf }));
  listening.handle(app);

  writeLine({
    ready: {
      url: listening.url,
      agentId,
      resource,
      register: {
        provider: { id: company.id, name: company.name },
        issuer: { issuer, jwksUri: `${issuer}/jwks`, algorithms: ['ES256'] },
        agent: { id: company.agent.id, cardUrl: `${listening.url}/${AGENT_CARD_PATH}` },
        client: {
          id: clientId,
          name: company.agent.name,
          owner: `provider:${company.id}`,
          agent: agentId,
          jwks: clientJwks,
          grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange', 'client_credentials'],
          scopes: ['usage:write'],
          issuerClientIds: { [issuer]: company.agent.id },
        },
        meters: [{ ...company.meter, aggregation: 'sum', authority: 'provider' }],
      },
    },
  });
}

/** Tasks live in memory, each under its tenant. */
function requestHandler(card: AgentCard, executor: AgentExecutor): DefaultRequestHandler {
  return new DefaultRequestHandler(
    card,
    new InMemoryTaskStore(ownerOf),
    executor,
    new DefaultExecutionEventBusManager(ownerOf),
  );
}

function cardOf({ name, agent }: Company, url: string): AgentCard {
  return AgentCard.fromJSON({
    name: agent.name,
    description: agent.description,
    version: '1.0.0',
    provider: { organization: name, url },
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: agent.streaming, pushNotifications: false },
    defaultInputModes: ['text/plain', 'application/json'],
    defaultOutputModes: ['text/plain', 'application/json'],
    skills: [{ ...agent.skill, name: agent.name, tags: [...agent.skill.tags] }],
  });
}
