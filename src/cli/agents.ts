import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import type { CliIo } from './io.ts';
import {
  agentArgument,
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withBroker,
  withConnection,
  withExamples,
  withPaging,
} from './options.ts';
import { readJsonObject } from './read-input.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'AGENT', value: 'id' },
  { title: 'NAME', value: 'name' },
  { title: 'STATUS', value: 'status' },
  { title: 'SCOPES', value: 'scopes' },
  { title: 'DESCRIPTION', value: 'description' },
];
const deploymentColumns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'MODEL', value: 'model' },
  { title: 'STATE', value: 'state' },
  { title: 'TENANT', value: 'tenant' },
  { title: 'REGION', value: 'region' },
  { title: 'WEIGHT', value: 'weight', alignRight: true },
  { title: 'URL', value: 'url' },
];

type AgentId = readonly [string, string];

interface SearchOptions extends PagingOptions {
  readonly skill?: string;
  readonly tag?: string;
  readonly provider?: string;
  readonly region?: string;
  readonly streaming?: boolean;
}

interface NewAgent extends BodyOptions {
  readonly id?: string;
  readonly cardUrl?: string;
  readonly cardFile?: string;
  readonly scopes?: readonly string[];
  readonly region?: string;
  readonly resource?: string;
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
  withConnection(agents.command('show').argument('<agent>', 'provider/agent', agentArgument))
    .description('Shows an agent.')
    .action((agent: AgentId, options: ConnectionOptions) =>
      showOne(io, options, { path: apiPath('v1', 'agents', ...agent) }),
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
  withConnection(agents.command('deployments').argument('<agent>', 'provider/agent', agentArgument))
    .description('Lists where an agent runs.')
    .action((agent: AgentId, options: ConnectionOptions) =>
      showList(io, options, { path: apiPath('v1', 'agents', ...agent, 'deployments') }, deploymentColumns),
    );
  addRegister(agents, io);
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
  withConnection(agents.command('refresh').argument('<agent>', 'provider/agent', agentArgument))
    .description('Reads the card again from its URL, as a new version.')
    .action((agent: AgentId, options: ConnectionOptions) =>
      showOne(io, options, { method: 'POST', path: apiPath('v1', 'agents', ...agent, 'refresh') }),
    );
}

function addRegister(agents: Command, io: CliIo): void {
  withExamples(
    withBody(agents.command('register').argument('<provider>', 'whose agent it is'))
      .description('Registers an agent by its card. It stays a draft until it is published.')
      .option('--id <id>', 'the part after the slash in provider/agent')
      .option('--card-url <url>', 'where its card is; read now and at each refresh')
      .option('--card-file <path>', 'its card, when it has no URL; - for stdin')
      .option('--scopes <scopes>', 'its own scopes beyond a2a:invoke and a2a:read, comma-separated', list)
      .option('--region <region>', 'where it runs')
      .option('--resource <uri>', 'audience of tokens for it (default: its URL)')
      .action(
        async (
          provider: string,
          { id, cardUrl, cardFile, scopes, region, resource, ...options }: NewAgent,
        ) => {
          const card = cardFile === undefined ? undefined : await readJsonObject(io, cardFile);
          const body = await requestBody(io, options, { id, cardUrl, card, scopes, region, resource });
          await showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'providers', provider, 'agents'),
            body,
          });
        },
      ),
    'agents register skyways --id flights --card-url https://agents.skyways.example/.well-known/agent-card.json',
    'agents register skyways --id flights --card-file card.json --scopes flights:book',
  );
}
