import type { Command } from 'commander';
import { showList } from './answers.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withPaging } from './options.ts';
import type { Column } from './table.ts';

export const auditColumns: readonly Column[] = [
  { title: 'AT', value: 'at' },
  { title: 'ACTION', value: 'action' },
  { title: 'OUTCOME', value: 'outcome' },
  { title: 'REASON', value: 'reason' },
  { title: 'ACTOR', value: (entry) => entry['actor'] ?? entry['client'] },
  { title: 'TENANT', value: 'tenant' },
  { title: 'AGENT', value: (entry) => entry['agent'] ?? entry['provider'] },
  { title: 'TXN', value: 'txn' },
];

interface AuditOptions extends PagingOptions {
  readonly tenant?: string;
  readonly provider?: string;
  readonly client?: string;
  readonly txn?: string;
}

export function addAuditCommands(program: Command, io: CliIo): void {
  const audit = program.command('audit').description('Every decision and change.');

  withExamples(
    withPaging(audit.command('list'))
      .description('Lists decisions and changes, newest first.')
      .option('--tenant <id>', 'about this tenant')
      .option('--provider <id>', 'about this provider')
      .option('--client <id>', 'by this client')
      .option('--txn <id>', 'of one transaction: every hop of a chain of calls has the same')
      .action(({ tenant, provider, client, txn, ...options }: AuditOptions) =>
        showList(io, options, { path: '/v1/audit', query: { tenant, provider, client, txn } }, auditColumns),
      ),
    'audit list --tenant acme',
    'audit list --txn txn_01JQ… --all --json',
  );
}
