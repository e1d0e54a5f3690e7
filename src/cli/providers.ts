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
import { addProviderIdCommands } from './provider-ids.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'NAME', value: 'name' },
  { title: 'STATUS', value: 'status' },
  { title: 'DOMAINS', value: 'domains' },
  { title: 'SINCE', value: 'createdAt' },
];

interface NewProvider extends BodyOptions {
  readonly id?: string;
  readonly name?: string;
  readonly domains?: readonly string[];
  readonly contact?: string;
}

export function addProviderCommands(program: Command, io: CliIo): void {
  const providers = program.command('providers').description('Companies that offer agents.');

  addProviderIdCommands(providers, io);
  withExamples(
    withPaging(providers.command('list'))
      .description('Lists providers.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/providers' }, columns)),
    'providers list',
    'providers list --all --json | jq -r ".items[].id"',
  );
  withExamples(
    withConnection(providers.command('show').argument('<provider>', 'its id'))
      .description('Shows a provider.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'providers', id) }),
      ),
    'providers show skyways',
  );
  withExamples(
    withBody(providers.command('create'))
      .description('Admits a provider; it is active at once.')
      .option('--id <id>', 'its id, part of every address of its agents (needed)')
      .option('--name <name>', 'what people call it (needed)')
      .option('--domains <domains>', 'its domain names, comma-separated', list)
      .option('--contact <email>', 'whom to write to')
      .action(async ({ id, name, domains, contact, ...options }: NewProvider) =>
        showOne(io, options, {
          method: 'POST',
          path: '/v1/providers',
          body: await requestBody(io, options, { id, name, domains, contact }),
        }),
      ),
    'providers create --id skyways --name Skyways --domains skyways.example --contact ops@skyways.example',
    'providers create --file skyways.json',
  );
  for (const { name, description } of [
    { name: 'suspend', description: 'Takes all of a provider’s agents off, at once.' },
    { name: 'reinstate', description: 'Lets a suspended provider work again.' },
  ])
    withExamples(
      withConnection(providers.command(name).argument('<provider>', 'its id'))
        .description(description)
        .requiredOption('--reason <text>', 'why; kept with the provider and in the audit log')
        .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
          showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'providers', id, name),
            body: { reason },
          }),
        ),
      `providers ${name} skyways --reason "${name === 'suspend' ? 'key compromised' : 'keys replaced'}"`,
    );
}
