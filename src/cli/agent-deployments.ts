import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  agentArgument,
  type AgentId,
  type BodyOptions,
  integer,
  withBody,
  withConnection,
} from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'MODEL', value: 'model' },
  { title: 'STATE', value: 'state' },
  { title: 'TENANT', value: 'tenant' },
  { title: 'REGION', value: 'region' },
  { title: 'WEIGHT', value: 'weight', alignRight: true },
  { title: 'URL', value: 'url' },
];

interface NewDeployment extends BodyOptions {
  readonly id?: string;
  readonly model?: string;
  readonly tenant?: string;
  readonly region?: string;
  readonly url?: string;
  readonly upstreamTenant?: string;
  readonly resource?: string;
  readonly authorizationServer?: string;
  readonly brokerClientId?: string;
  readonly awsSessionTags?: boolean;
  readonly weight?: number;
}

interface DeploymentChange extends BodyOptions {
  readonly state?: string;
  readonly weight?: number;
  readonly region?: string;
  readonly authorizationServer?: string;
  readonly brokerClientId?: string;
  readonly awsSessionTags?: boolean;
}

export function addDeploymentCommands(agents: Command, io: CliIo): void {
  withExamples(
    withConnection(agents.command('deployments').argument('<agent>', 'provider/agent', agentArgument))
      .description('Lists where an agent runs.')
      .action((agent: AgentId, options: ConnectionOptions) =>
        showList(io, options, { path: apiPath('v1', 'agents', ...agent, 'deployments') }, columns),
      ),
    'agents deployments skyways/flights',
  );
  withExamples(
    withBody(agents.command('deploy').argument('<agent>', 'provider/agent', agentArgument))
      .description('Adds a place where an agent runs; callers keep the one address that they have.')
      .option('--id <id>', 'what it is called (needed)')
      .option('--model <model>', 'pooled, for many tenants, or siloed, for one (needed)')
      .option('--tenant <id>', 'whose it is, when siloed')
      .option('--region <region>', 'where it is')
      .option('--url <url>', 'where it listens (needed)')
      .option('--upstream-tenant <id>', 'A2A’s own `tenant`, a key for routing behind that address')
      .option('--resource <uri>', 'audience of tokens for it (default: its URL)')
      .option('--authorization-server <issuer>', 'of the provider, when it takes that one’s tokens')
      .option('--broker-client-id <id>', 'the broker’s own id there (default: the broker’s issuer)')
      .option('--aws-session-tags', 'tokens for it name the tenant as a session tag for AWS STS')
      .option('--weight <count>', 'its share of new tasks among equals (1 to 1000)', integer)
      .action(
        async (
          agent: AgentId,
          {
            id,
            model,
            tenant,
            region,
            url,
            upstreamTenant,
            resource,
            authorizationServer,
            brokerClientId,
            awsSessionTags,
            weight,
            ...options
          }: NewDeployment,
        ) => {
          const members = {
            id,
            model,
            tenant,
            region,
            url,
            upstreamTenant,
            resource,
            authorizationServer,
            brokerClientId,
            awsSessionTags,
            weight,
          };
          await showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'agents', ...agent, 'deployments'),
            body: await requestBody(io, options, members),
          });
        },
      ),
    'agents deploy skyways/flights --id eu --model pooled --region eu-central-1 --url https://eu.skyways.example/a2a',
    'agents deploy skyways/flights --id acme --model siloed --tenant acme --url https://acme.skyways.example/a2a',
  );
  withExamples(
    withBody(
      agents
        .command('redeploy')
        .argument('<agent>', 'provider/agent', agentArgument)
        .argument('<deployment>', 'its id, from `agents deployments`'),
    )
      .description('Changes a deployment. Draining: running tasks stay, new ones go elsewhere.')
      .option('--state <state>', 'active, draining or down')
      .option('--weight <count>', 'its share of new tasks among equals (1 to 1000)', integer)
      .option('--region <region>', 'where it is')
      .option(
        '--authorization-server <issuer>',
        'of the provider, when it takes that one’s tokens; none: the broker’s',
      )
      .option('--broker-client-id <id>', 'the broker’s own id there (default: the broker’s issuer)')
      .option('--aws-session-tags', 'tokens for it name the tenant as a session tag for AWS STS')
      .option('--no-aws-session-tags', 'not any more')
      .action(
        async (
          agent: AgentId,
          deployment: string,
          {
            state,
            weight,
            region,
            authorizationServer: server,
            brokerClientId,
            awsSessionTags,
            ...options
          }: DeploymentChange,
        ) =>
          showOne(io, options, {
            method: 'PATCH',
            path: apiPath('v1', 'agents', ...agent, 'deployments', deployment),
            body: await requestBody(io, options, {
              state,
              weight,
              region,
              authorizationServer: server === 'none' ? null : server,
              brokerClientId,
              awsSessionTags,
            }),
          }),
      ),
    'agents redeploy skyways/flights eu --state draining',
    'agents redeploy skyways/flights default --authorization-server https://login.skyways.example',
  );
}
