import type { Command } from 'commander';
import { runAuditExport } from './export-audit.ts';
import { type AuditVerifyOptions, head, runAuditVerify } from './verify-audit.ts';
import type { ConnectionOptions } from './connection.ts';
import { showList } from './answers.ts';
import { withExamples } from './examples.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import type { Column } from './table.ts';

export const auditColumns: readonly Column[] = [
  { title: 'AT', value: 'at' },
  { title: 'ACTION', value: 'action' },
  { title: 'OUTCOME', value: 'outcome' },
  { title: 'REASON', value: 'reason' },
  { title: 'ACTOR', value: (entry) => entry['actor'] ?? entry['client'] },
  { title: 'TENANT', value: 'tenant' },
  { title: 'AGENT', value: (entry) => entry['agent'] ?? entry['provider'] },
  { title: 'ABOUT', value: (entry) => about(entry['detail']) },
  { title: 'TXN', value: 'txn' },
];

/** What an entry is about beyond its columns, as far as it fits: a policy, an agreement, an issuer. */
function about(detail: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(detail ?? null)) return undefined;
  const facts = Object.entries(detail as JsonObject).flatMap(([name, value]) =>
    named.includes(name) && typeof value === 'string' ? [`${name} ${value}`] : [],
  );
  return facts.length === 0 ? undefined : facts.join(', ');
}

const named = [
  'policy',
  'agreement',
  'issuer',
  'from',
  'to',
  'link',
  'user',
  'deployment',
  'subscription',
  'plan',
  'meter',
  'period',
  'purpose',
  'delegation',
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

  withExamples(
    withConnection(audit.command('export'))
      .summary('Writes every entry as it is stored, one JSON object a line.')
      .description(
        'Writes every entry as it is stored, oldest first, one JSON object a line: to keep where nobody who can reach the store ' +
          'can reach it too. `audit verify --from` checks such a copy.',
      )
      .action((options: ConnectionOptions) => runAuditExport(io, options)),
    'audit export > audit-2026-01.jsonl',
  );

  withExamples(
    withConnection(audit.command('verify'))
      .summary('Checks that no entry was changed or removed.')
      .description(
        'Reads every entry and checks the chain that ties each to the one before. Exit code 1 and a line each for what was changed ' +
          'or is missing. It prints the heads of the chain: note them down elsewhere, and with `--head` a later check shows that ' +
          'everything up to there is still the same.',
      )
      .option('--from <file>', 'check what `audit export` wrote, instead of asking the broker')
      .option(
        '--head <log:seq:hash>',
        'a head that an earlier check printed; may be given several times',
        head,
      )
      .action((options: AuditVerifyOptions) => runAuditVerify(io, options)),
    'audit verify',
    'audit verify --from audit-2026-01.jsonl --json',
  );
}
