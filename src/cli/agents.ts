import type { Command } from 'commander';
import { addDeploymentCommands } from './agent-deployments.ts';
import { showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  agentArgument,
  type AgentId,
  type PagingOptions,
  withBroker,
  withConnection,
  withPaging,
} from './options.ts';
import { addRegister } from './register-agent.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'AGENT', value: 'id' },
  { title: 'NAME', value: 'name' },
  { title: 'STATUS', value: 'status' },
  { title: 'SCOPES', value: 'scopes' },
  { title: 'DESCRIPTION', value: 'description' },
];
const versionColumns: readonly Column[] = [
  { title: 'DIGEST', value: 'digest' },
  { title: 'CURRENT', value: 'current' },
  { title: 'VERSION', value: 'card.version' },
  { title: 'NAME', value: 'card.name' },
  { title: 'SINCE', value: 'createdAt' },
];

interface SearchOptions extends PagingOptions {
  readonly skill?: string;
  readonly tag?: string;
  readonly provider?: string;
  readonly region?: string;
  readonly streaming?: boolean;
}

export function addAgentCommands(program: Command, io: CliIo): void {
  const agents = program.command('agents').description('Agents on offer: find, look at, register, publish.');

  withExamples(
    withPaging(agents.command('search').argument('[words...]', 'all of which occur in it'))
      .description('Finds agents; the operator and their provider see drafts too.')
      .option('--skill <id>', 'that have this skill')
      .option('--tag <tag>', 'with this tag')
      .option('--provider <id>', 'of this provider')
      .option('--region <region>', 'with a deployment there')
      .option('--streaming', 'that stream')
      .action(
        (
          words: readonly string[],
          { skill, tag, provider, region, streaming, ...options }: SearchOptions,
        ) => {
          const q = words.length === 0 ? undefined : words.join(' ');
          const capability = streaming === true ? 'streaming' : undefined;
          return showList(
            io,
            options,
            { path: '/v1/agents', query: { q, skill, tag, provider, region, capability } },
            columns,
          );
        },
      ),
    'agents search flights',
    'agents search --provider skyways --streaming --json',
  );
  withExamples(
    withConnection(agents.command('show').argument('<agent>', 'provider/agent', agentArgument))
      .description('Shows an agent.')
      .action((agent: AgentId, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'agents', ...agent) }),
      ),
    'agents show skyways/flights',
  );
  withExamples(
    withBroker(agents.command('card').argument('<agent>', 'provider/agent', agentArgument))
      .description('Prints the agent’s card as callers get it: brokered and signed. Always JSON.')
      .option('--original', 'the provider’s own card instead, byte for byte')
      .action(
        (agent: AgentId, { original, ...options }: ConnectionOptions & { readonly original?: boolean }) => {
          const file = original === true ? 'agent-card.original.json' : 'agent-card.json';
          const path = apiPath('a2a', ...agent, '.well-known', file);
          return showOne(io, { ...options, json: true }, { path, anonymous: true });
        },
      ),
    'agents card skyways/flights | jq .supportedInterfaces',
  );
  withExamples(
    withPaging(agents.command('versions').argument('<agent>', 'provider/agent', agentArgument))
      .description('Lists the versions of an agent’s card; with --json the cards too.')
      .action((agent: AgentId, options: PagingOptions) =>
        showList(io, options, { path: apiPath('v1', 'agents', ...agent, 'versions') }, versionColumns),
      ),
    'agents versions skyways/flights',
  );
  addRegister(agents, io);
  addDeploymentCommands(agents, io);
  for (const { name, description } of [
    { name: 'publish', description: 'Makes an agent callable.' },
    { name: 'suspend', description: 'Takes an agent off for a while, at once.' },
    { name: 'retire', description: 'Takes an agent off for good.' },
  ])
    withExamples(
      withConnection(agents.command(name).argument('<agent>', 'provider/agent', agentArgument))
        .description(description)
        .option('--reason <text>', 'why; kept with the agent and in the audit log')
        .action((agent: AgentId, { reason, ...options }: ConnectionOptions & { readonly reason?: string }) =>
          showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'agents', ...agent, name),
            ...(reason === undefined ? {} : { body: { reason } }),
          }),
        ),
      `agents ${name} skyways/flights`,
    );
  withExamples(
    withConnection(agents.command('refresh').argument('<agent>', 'provider/agent', agentArgument))
      .description('Reads the card again from its URL, as a new version.')
      .action((agent: AgentId, options: ConnectionOptions) =>
        showOne(io, options, { method: 'POST', path: apiPath('v1', 'agents', ...agent, 'refresh') }),
      ),
    'agents refresh skyways/flights',
  );
}
