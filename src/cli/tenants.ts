import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withExamples,
  withPaging,
} from './options.ts';
import { subscriptionColumns } from './subscriptions.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'NAME', value: 'name' },
  { title: 'TIER', value: 'tier' },
  { title: 'REGION', value: 'region' },
  { title: 'STATUS', value: 'status' },
  { title: 'SINCE', value: 'createdAt' },
];

interface NewTenant extends BodyOptions {
  readonly id?: string;
  readonly name?: string;
  readonly tier?: string;
  readonly region?: string;
  readonly residency?: readonly string[];
}

export function addTenantCommands(program: Command, io: CliIo): void {
  const tenants = program.command('tenants').description('Companies whose users call agents.');

  withExamples(
    withPaging(tenants.command('list'))
      .description('Lists tenants.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/tenants' }, columns)),
    'tenants list --all',
  );
  withConnection(tenants.command('show').argument('<tenant>'))
    .description('Shows a tenant.')
    .action((id: string, options: ConnectionOptions) =>
      showOne(io, options, { path: apiPath('v1', 'tenants', id) }),
    );
  withPaging(tenants.command('subscriptions').argument('<tenant>'))
    .description('Lists the agents that a tenant is, or was, subscribed to.')
    .action((id: string, options: PagingOptions) =>
      showList(io, options, { path: apiPath('v1', 'tenants', id, 'subscriptions') }, subscriptionColumns),
    );
  withExamples(
    withBody(tenants.command('create'))
      .description('Creates a tenant.')
      .option('--id <id>', 'its id everywhere in the federation (made when absent)')
      .option('--name <name>', 'what people call it')
      .option('--tier <tier>', 'its tier, such as standard')
      .option('--region <region>', 'where its calls are served when there is a choice')
      .option('--residency <regions>', 'the only regions in which they may be, comma-separated', list)
      .action(async ({ id, name, tier, region, residency, ...options }: NewTenant) =>
        showOne(io, options, {
          method: 'POST',
          path: '/v1/tenants',
          body: await requestBody(io, options, { id, name, tier, region, residency }),
        }),
      ),
    'tenants create --id acme --name "Acme Ltd" --tier standard --region eu-central-1 --residency eu-central-1,eu-west-1',
  );
  for (const { name, description } of [
    { name: 'suspend', description: 'Stops everything for a tenant, at once.' },
    { name: 'reinstate', description: 'Lets a suspended tenant work again.' },
  ])
    withConnection(tenants.command(name).argument('<tenant>'))
      .description(description)
      .requiredOption('--reason <text>', 'why; kept with the tenant and in the audit log')
      .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showOne(io, options, { method: 'POST', path: apiPath('v1', 'tenants', id, name), body: { reason } }),
      );
}
