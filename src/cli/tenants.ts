import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import type { Column } from './table.ts';
import { addTenantViews } from './tenant-views.ts';

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

interface TenantChange extends NewTenant {
  readonly unset?: readonly string[];
}

export function addTenantCommands(program: Command, io: CliIo): void {
  const tenants = program.command('tenants').description('Companies whose users call agents.');

  withExamples(
    withPaging(tenants.command('list'))
      .description('Lists tenants.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/tenants' }, columns)),
    'tenants list --all',
  );
  withExamples(
    withConnection(tenants.command('show').argument('<tenant>', 'its id'))
      .description('Shows a tenant.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'tenants', id) }),
      ),
    'tenants show acme',
  );
  withExamples(
    withBody(tenants.command('create'))
      .description('Creates a tenant.')
      .option('--id <id>', 'its id everywhere in the federation (made when absent)')
      .option('--name <name>', 'what people call it (needed)')
      .option('--tier <tier>', 'its tier, such as standard (needed)')
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
  addUpdate(tenants, io);
  addTenantViews(tenants, io);
  for (const { name, description } of [
    { name: 'suspend', description: 'Stops everything for a tenant, at once.' },
    { name: 'reinstate', description: 'Lets a suspended tenant work again.' },
  ])
    withExamples(
      withConnection(tenants.command(name).argument('<tenant>', 'its id'))
        .description(description)
        .requiredOption('--reason <text>', 'why; kept with the tenant and in the audit log')
        .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
          showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'tenants', id, name),
            body: { reason },
          }),
        ),
      `tenants ${name} acme --reason "${name === 'suspend' ? 'contract ended' : 'contract renewed'}"`,
    );
}

function addUpdate(tenants: Command, io: CliIo): void {
  withExamples(
    withBody(tenants.command('update').argument('<tenant>', 'its id'))
      .description('Changes a tenant; what is not named stays.')
      .option('--name <name>', 'what people call it')
      .option('--tier <tier>', 'its tier')
      .option('--region <region>', 'where its calls are served when there is a choice')
      .option('--residency <regions>', 'the only regions in which they may be, comma-separated', list)
      .option('--unset <members>', 'what to take away: region, residency; comma-separated', list)
      .action(async (id: string, { name, tier, region, residency, unset = [], ...options }: TenantChange) => {
        const taken = Object.fromEntries(unset.map((member) => [member, null]));
        await showOne(io, options, {
          method: 'PATCH',
          path: apiPath('v1', 'tenants', id),
          body: await requestBody(io, options, { name, tier, region, residency, ...taken }),
        });
      }),
    'tenants update acme --tier premium',
    'tenants update acme --unset residency',
  );
}
