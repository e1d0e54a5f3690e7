import type { Command } from 'commander';
import { showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'PARENT', value: 'parent' },
  { title: 'CLIENT', value: 'client' },
  { title: 'AGENT', value: 'agent' },
  { title: 'SCOPES', value: 'scopes' },
  { title: 'DEPTH', value: 'depth' },
  // The operator and the agent's provider see which is which; others one address.
  { title: 'FOR', value: (row) => (row['deployment'] === undefined ? undefined : 'the agent itself') },
  { title: 'STATE', value: 'state' },
  { title: 'EXPIRES', value: 'expiresAt' },
];

export function addDelegationCommands(program: Command, io: CliIo): void {
  const delegations = program
    .command('delegations')
    .description('Tokens that were issued for calls, and how one continues another.');

  withExamples(
    withPaging(delegations.command('list').argument('<txn>', 'the chain of calls, such as txn_…'))
      .description(
        'Lists what was delegated in one chain of calls, parents first. A call through the gateway has two: the caller’s, and the one ' +
          'that the gateway makes of it for the agent itself.',
      )
      .action((txn: string, options: PagingOptions) =>
        showList(io, options, { path: '/v1/delegations', query: { txn } }, columns),
      ),
    'delegations list txn_01JQ…',
  );
  withExamples(
    withConnection(delegations.command('show').argument('<delegation>', 'its id'))
      .description('Shows a delegation.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'delegations', id) }),
      ),
    'delegations show 0f3k…',
  );
  withExamples(
    withConnection(delegations.command('revoke').argument('<delegation>', 'its id, from `delegations list`'))
      .description(
        'Revokes a delegation. Its token, and every one that continues it, is refused from then on.',
      )
      .requiredOption('--reason <text>', 'why; kept with it and in the audit log')
      .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showOne(io, options, {
          method: 'POST',
          path: apiPath('v1', 'delegations', id, 'revoke'),
          body: { reason },
        }),
      ),
    'delegations revoke 0f3k… --reason "agent has gone astray"',
  );
}
