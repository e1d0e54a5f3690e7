import { type Command, InvalidArgumentError } from 'commander';
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
import { readJsonObject } from './read-input.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'ISSUER', value: 'issuer' },
  { title: 'STATUS', value: 'status' },
  { title: 'ALGORITHMS', value: 'algorithms' },
  { title: 'EXPIRES', value: 'expiresAt' },
];

interface NewIssuer extends BodyOptions {
  readonly issuer?: string;
  readonly jwksUri?: string;
  readonly jwksFile?: string;
  readonly algorithms?: readonly string[];
  readonly expiresAt?: string;
}

type Collection = readonly ['v1', 'providers' | 'tenants', string, 'issuers'];

export function addIssuerCommands(program: Command, io: CliIo): void {
  const issuers = program
    .command('issuers')
    .description('Identity providers: a tenant’s speaks for its users, a provider’s for its own programs.');

  withExamples(
    withPaging(issuers.command('list').argument('<party>', 'tenant:id or provider:id', partyIssuers))
      .description('Lists a party’s issuers.')
      .action((party: Collection, options: PagingOptions) =>
        showList(io, options, { path: apiPath(...party) }, columns),
      ),
    'issuers list tenant:acme',
  );
  withExamples(
    withBody(issuers.command('add').argument('<party>', 'tenant:id or provider:id', partyIssuers))
      .description(
        'Trusts an issuer. Its key set is read and checked first; one issuer belongs to one party.',
      )
      .option('--issuer <url>', 'exactly as in its tokens’ iss (needed)')
      .option('--jwks-uri <url>', 'where its public keys are (needed, or --jwks-file)')
      .option('--jwks-file <path>', 'its public keys, when they have no URL; - for stdin')
      .option('--algorithms <names>', 'accepted signatures, comma-separated (default: all but RS256)', list)
      .option('--expires-at <time>', 'trusted until this RFC 3339 time in UTC')
      .action(
        async (
          party: Collection,
          { issuer, jwksUri, jwksFile, algorithms, expiresAt, ...options }: NewIssuer,
        ) => {
          const jwks = jwksFile === undefined ? undefined : await readJsonObject(io, jwksFile);
          const body = await requestBody(io, options, { issuer, jwksUri, jwks, algorithms, expiresAt });
          await showOne(io, options, { method: 'POST', path: apiPath(...party), body });
        },
      ),
    'issuers add tenant:acme --issuer https://login.acme.example --jwks-uri https://login.acme.example/jwks',
    'issuers add provider:skyways --issuer https://id.skyways.example --jwks-file jwks.json',
  );
  for (const { name, description } of [
    { name: 'disable', description: 'Stops trusting an issuer, at once.' },
    { name: 'enable', description: 'Trusts an issuer again.' },
  ])
    withExamples(
      withConnection(
        issuers
          .command(name)
          .argument('<party>', 'tenant:id or provider:id', partyIssuers)
          .argument('<id>', 'from `issuers list`'),
      )
        .description(description)
        .action((party: Collection, id: string, options: ConnectionOptions) =>
          showOne(io, options, { method: 'POST', path: apiPath(...party, id, name) }),
        ),
      `issuers ${name} tenant:acme iss_01JQ…`,
    );
}

function partyIssuers(text: string): Collection {
  const [, kind, id] = /^(tenant|provider):([^/\s]+)$/.exec(text) ?? [];
  if (kind === undefined || id === undefined)
    throw new InvalidArgumentError('A party is tenant:id or provider:id.');
  return ['v1', kind === 'tenant' ? 'tenants' : 'providers', id, 'issuers'];
}
