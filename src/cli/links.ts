import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type BodyOptions, type PagingOptions, withBody, withConnection, withPaging } from './options.ts';
import type { Collection } from './party-issuers.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'ISSUER', value: 'issuer' },
  { title: 'EXTERNAL ID', value: 'externalId' },
  { title: 'TENANT', value: 'tenant' },
  { title: 'STATUS', value: 'status' },
];

interface NewLink extends BodyOptions {
  readonly issuer?: string;
  readonly externalId?: string;
  readonly tenant?: string;
}

/** The tenant's half of a link. */
export function addLinkCommands(program: Command, io: CliIo): void {
  const links = program
    .command('links')
    .description('Issuers that serve many tenants, and for which of them they speak: the tenant’s side.');

  withExamples(
    withPaging(links.command('list').argument('<tenant>', 'its id'))
      .description('Lists the issuers that a tenant agreed to.')
      .action((tenant: string, options: PagingOptions) =>
        showList(io, options, { path: apiPath('v1', 'tenants', tenant, 'links') }, columns),
      ),
    'links list acme',
  );
  withExamples(
    withBody(links.command('add').argument('<tenant>', 'its id'))
      .description(
        'Agrees that an issuer speaks for a tenant under an external id. It holds when the issuer’s owner says the same; as the ' +
          'operator you say both.',
      )
      .option('--issuer <url>', 'as in its tokens’ iss (needed)')
      .option('--external-id <id>', 'the tenant’s id there (needed)')
      .action(async (tenant: string, { issuer, externalId, ...options }: NewLink) => {
        const body = await requestBody(io, options, { issuer, externalId });
        await showOne(io, options, { method: 'POST', path: apiPath('v1', 'tenants', tenant, 'links'), body });
      }),
    'links add acme --issuer https://login.platform.example --external-id org-4711',
  );
  withExamples(
    withConnection(
      links.command('remove').argument('<tenant>', 'its id').argument('<id>', 'from `links list`'),
    )
      .description('Lets an issuer speak for a tenant no longer, at once.')
      .action((tenant: string, id: string, options: ConnectionOptions) =>
        showOne(io, options, { method: 'DELETE', path: apiPath('v1', 'tenants', tenant, 'links', id) }),
      ),
    'links remove acme jJ3…',
  );
}

/** The issuer's owner's half. */
export function addIssuerLinkCommands(
  issuers: Command,
  io: CliIo,
  oneIssuer: (command: Command) => Command,
): void {
  withExamples(
    withPaging(oneIssuer(issuers.command('links')))
      .description('Lists the tenants of an issuer that serves many.')
      .action((party: Collection, id: string, options: PagingOptions) =>
        showList(io, options, { path: apiPath(...party, id, 'links') }, columns),
      ),
    'issuers links provider:platform trs_01JQ…',
  );
  withExamples(
    withBody(oneIssuer(issuers.command('link')))
      .description(
        'Says which tenant an external id of an issuer is. It holds when that tenant agrees; as the operator you say both.',
      )
      .option('--external-id <id>', 'the tenant’s id there (needed)')
      .option('--tenant <tenant>', 'which tenant it is (needed)')
      .action(async (party: Collection, id: string, { externalId, tenant, ...options }: NewLink) => {
        const body = await requestBody(io, options, { externalId, tenant });
        await showOne(io, options, { method: 'POST', path: apiPath(...party, id, 'links'), body });
      }),
    'issuers link provider:platform trs_01JQ… --external-id org-4711 --tenant acme',
  );
  withExamples(
    withConnection(oneIssuer(issuers.command('unlink')).argument('<link>', 'from `issuers links`'))
      .description('Takes a tenant from an issuer, at once.')
      .action((party: Collection, id: string, link: string, options: ConnectionOptions) =>
        showOne(io, options, { method: 'DELETE', path: apiPath(...party, id, 'links', link) }),
      ),
    'issuers unlink provider:platform trs_01JQ… jJ3…',
  );
}
