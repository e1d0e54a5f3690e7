import type { Command } from 'commander';
import { showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'TENANT', value: 'tenant' },
  { title: 'KNOWN AS', value: 'audTenant' },
  { title: 'SINCE', value: 'updatedAt' },
];

/** Under which ids a provider knows tenants and users. */
export function addProviderIdCommands(providers: Command, io: CliIo): void {
  const path = (provider: string, kind: string, ...rest: readonly string[]) =>
    apiPath('v1', 'providers', provider, kind, ...rest);

  withExamples(
    withPaging(providers.command('tenants').argument('<provider>', 'its id'))
      .description('Lists under which ids a provider knows tenants.')
      .action((provider: string, options: PagingOptions) =>
        showList(io, options, { path: path(provider, 'tenant-links') }, columns),
      ),
    'providers tenants skyways',
  );
  for (const { noun, kind, argument, what, option, member, claim } of [
    {
      noun: 'tenant',
      kind: 'tenant-links',
      argument: 'tenant',
      what: 'its id',
      option: '--aud-tenant <id>',
      member: 'audTenant',
      claim: 'aud_tenant',
    },
    {
      noun: 'user',
      kind: 'user-links',
      argument: 'sub',
      what: 'the user’s pairwise subject at the provider, `sub` of its tokens',
      option: '--aud-sub <id>',
      member: 'audSub',
      claim: 'aud_sub',
    },
  ] as const) {
    const example = `skyways ${noun === 'tenant' ? 'acme' : 'v1.3hK…'}`;
    const place = (name: string) =>
      providers.command(`${name}-${noun}`).argument('<provider>', 'its id').argument(`<${argument}>`, what);
    withExamples(
      withConnection(place('link'))
        .description(
          `Says under which id a provider knows a ${noun}: the ${claim} of its tokens from the next exchange on. ` +
            'What a live token says stays in it, five minutes at most.',
        )
        .requiredOption(option, `the provider’s own id for the ${noun}`)
        .action(
          (
            provider: string,
            id: string,
            options: ConnectionOptions & { readonly audTenant?: string; readonly audSub?: string },
          ) =>
            showOne(io, options, {
              method: 'PUT',
              path: path(provider, kind, id),
              body: { [member]: options[member] ?? '' },
            }),
        ),
      `providers link-${noun} ${example} ${option.split(' ')[0]} 4711`,
    );
    for (const { name, method, description } of [
      { name: 'show', method: 'GET', description: `Shows under which id a provider knows a ${noun}.` },
      { name: 'unlink', method: 'DELETE', description: `Takes away a provider’s own id for a ${noun}.` },
    ] as const)
      withExamples(
        withConnection(place(name))
          .description(description)
          .action((provider: string, id: string, options: ConnectionOptions) =>
            showOne(io, options, { method, path: path(provider, kind, id) }),
          ),
        `providers ${name}-${noun} ${example}`,
      );
  }
}
