import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  list,
  pairs,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import { readPublicKeys } from './read-input.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'NAME', value: 'name' },
  { title: 'OWNER', value: 'owner' },
  { title: 'AGENT', value: 'agent' },
  { title: 'STATUS', value: 'status' },
  { title: 'SCOPES', value: 'scopes' },
];

interface NewClient extends BodyOptions {
  readonly id?: string;
  readonly name?: string;
  readonly owner?: string;
  readonly agent?: string;
  readonly jwksUri?: string;
  readonly jwksFile?: string;
  readonly grantTypes?: readonly string[];
  readonly scopes?: readonly string[];
  readonly callScopes?: readonly string[];
  readonly issuerClientId?: Readonly<Record<string, string>>;
  readonly dpopBound?: boolean;
}

const shortGrants: Readonly<Record<string, string>> = {
  'token-exchange': 'urn:ietf:params:oauth:grant-type:token-exchange',
  'jwt-bearer': 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'client-credentials': 'client_credentials',
};

export function addClientCommands(program: Command, io: CliIo): void {
  const clients = program
    .command('clients')
    .description('Programs that may ask for tokens, by their own key.');

  withExamples(
    withPaging(clients.command('list'))
      .description('Lists clients.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/clients' }, columns)),
    'clients list --all',
  );
  withExamples(
    withConnection(clients.command('show').argument('<client>', 'its id'))
      .description('Shows a client.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'clients', id) }),
      ),
    'clients show acme-app',
  );
  addCreate(clients, io);
  withExamples(
    withConnection(
      clients
        .command('rename')
        .argument('<client>', 'its id, which stays')
        .argument('<name>', 'what people call it from now on'),
    )
      .description('Gives a client another name.')
      .action((id: string, name: string, options: ConnectionOptions) =>
        showOne(io, options, { method: 'PATCH', path: apiPath('v1', 'clients', id), body: { name } }),
      ),
    'clients rename acme-app "Acme travel app"',
  );
  withExamples(
    withConnection(clients.command('issuer-ids').argument('<client>', 'its id'))
      .description('Says which id a client has at which issuer, instead of what was said before.')
      .requiredOption(
        '--issuer-client-id <issuer=id>',
        'the id that this program has at an issuer or authorization server; repeatable',
        pairs,
      )
      .action(
        (
          id: string,
          {
            issuerClientId: issuerClientIds,
            ...options
          }: ConnectionOptions & { readonly issuerClientId: Readonly<Record<string, string>> },
        ) =>
          showOne(io, options, {
            method: 'PATCH',
            path: apiPath('v1', 'clients', id),
            body: { issuerClientIds },
          }),
      ),
    'clients issuer-ids acme-app --issuer-client-id https://login.acme.example=app \\\n' +
      '--issuer-client-id https://login.skyways.example=acme',
  );
  for (const { name, body, description } of [
    {
      name: 'disable',
      body: { status: 'disabled' },
      description: 'Stops a client, and every live token that it obtained, at once.',
    },
    { name: 'enable', body: { status: 'active' }, description: 'Lets a disabled client work again.' },
    {
      name: 'bind',
      body: { dpopBoundAccessTokens: true },
      description: 'From now on a client gets tokens that are bound to a key only (DPoP, RFC 9449).',
    },
    {
      name: 'unbind',
      body: { dpopBoundAccessTokens: false },
      description: 'Lets a client have Bearer tokens again; with a proof it still gets a bound one.',
    },
  ])
    withExamples(
      withConnection(clients.command(name).argument('<client>', 'its id'))
        .description(description)
        .action((id: string, options: ConnectionOptions) =>
          showOne(io, options, { method: 'PATCH', path: apiPath('v1', 'clients', id), body }),
        ),
      `clients ${name} acme-app`,
    );
}

function addCreate(clients: Command, io: CliIo): void {
  withExamples(
    withBody(clients.command('create'))
      .description(
        'Registers a client. It authenticates with the private half of a key that is registered here.',
      )
      .option('--id <id>', 'its id (made when absent)')
      .option('--name <name>', 'what people call it (needed)')
      .option('--owner <party>', 'provider:id or tenant:id (needed)')
      .option('--agent <agent>', 'the agent that this program is; it may pass on tokens that it received')
      .option('--jwks-uri <url>', 'where its public keys are (needed, or --jwks-file)')
      .option('--jwks-file <path>', 'its public keys, when they have no URL; - for stdin')
      .option(
        '--grant-types <names>',
        'token-exchange, jwt-bearer, client-credentials; comma-separated (needed)',
        list,
      )
      .option('--scopes <scopes>', 'what it may do in the management API, comma-separated', list)
      .option(
        '--call-scopes <scopes>',
        'the most that its tokens for agents may carry, comma-separated',
        list,
      )
      .option('--issuer-client-id <issuer=id>', 'its id at an identity provider; repeatable', pairs)
      .option('--dpop-bound', 'it gets tokens that are bound to a key only (DPoP)')
      .action(
        async ({
          jwksFile,
          grantTypes,
          issuerClientId,
          id,
          name,
          owner,
          agent,
          jwksUri,
          scopes,
          callScopes,
          dpopBound,
          ...options
        }: NewClient) => {
          const jwks = jwksFile === undefined ? undefined : await readPublicKeys(io, jwksFile);
          const body = await requestBody(io, options, {
            id,
            name,
            owner,
            agent,
            jwks,
            jwksUri,
            grantTypes: grantTypes?.map((grant) => shortGrants[grant] ?? grant),
            scopes,
            callScopes,
            issuerClientIds: issuerClientId,
            dpopBoundAccessTokens: dpopBound,
          });
          await showOne(io, options, { method: 'POST', path: '/v1/clients', body });
        },
      ),
    'clients create --id acme-app --name "Acme app" --owner tenant:acme --jwks-file jwks.json \\\n' +
      '--grant-types token-exchange --issuer-client-id https://login.acme.example=app',
    'clients create --id skyways-usage --name Usage --owner provider:skyways --jwks-uri https://skyways.example/jwks \\\n' +
      '--grant-types client-credentials --scopes usage:write,usage:read',
  );
}
