import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  integer,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'FROM', value: 'from' },
  { title: 'TO', value: 'to' },
  { title: 'SCOPES', value: 'scopes' },
  { title: 'STATUS', value: 'status' },
  { title: 'EXPIRES', value: 'expiresAt' },
];

interface NewAgreement extends BodyOptions {
  readonly from?: string;
  readonly to?: string;
  readonly scopes?: readonly string[];
  readonly maxDepth?: number;
  readonly tenants?: readonly string[];
  readonly residency?: readonly string[];
  readonly priceReference?: string;
  readonly expiresAt?: string;
}

export function addAgreementCommands(program: Command, io: CliIo): void {
  const agreements = program
    .command('agreements')
    .description('Which company may pass tenants’ context on to which.');

  withExamples(
    withPaging(agreements.command('list'))
      .description('Lists agreements.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/agreements' }, columns)),
    'agreements list --all',
  );
  withExamples(
    withBody(agreements.command('create'))
      .description(
        'Lets one party pass tenants’ context to another. With a provider’s token: proposes it to the other side.',
      )
      .option('--from <party>', 'who passes it on, such as provider:concierge (needed)')
      .option('--to <party>', 'who receives it (needed)')
      .option(
        '--scopes <scopes>',
        'the most that may be passed on, comma-separated (default: no limit of its own)',
        list,
      )
      .option('--max-depth <count>', 'the longest chain of calls (1 to 4)', integer)
      .option('--tenants <tenants>', 'only for these tenants, comma-separated (default: all)', list)
      .option(
        '--residency <regions>',
        'served only there, comma-separated (default: no limit of its own)',
        list,
      )
      .option('--price-reference <text>', 'where the two have agreed on prices')
      .option('--expires-at <time>', 'RFC 3339 time in UTC')
      .action(async (given: NewAgreement) => {
        const { from, to, scopes, maxDepth, tenants, residency, priceReference, expiresAt, ...options } =
          given;
        const terms = { from, to, scopes, maxDepth, tenants, residency, priceReference, expiresAt };
        await showOne(io, options, {
          method: 'POST',
          path: '/v1/agreements',
          body: await requestBody(io, options, terms),
        });
      }),
    'agreements create --from provider:concierge --to provider:skyways --scopes a2a:invoke,a2a:read',
  );
  withExamples(
    withConnection(agreements.command('show').argument('<agreement>', 'its id'))
      .description('Shows an agreement.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'agreements', id) }),
      ),
    'agreements show agr_01JQ…',
  );
  withExamples(
    withConnection(agreements.command('accept').argument('<agreement>', 'its id'))
      .description('Accepts what the other side has proposed, as it is.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { method: 'POST', path: apiPath('v1', 'agreements', id, 'accept') }),
      ),
    'agreements accept agr_01JQ…',
  );
  withExamples(
    withConnection(agreements.command('revoke').argument('<agreement>', 'its id, from `agreements list`'))
      .description(
        'Revokes an agreement; every call that rests on it is refused from then on. Declines or withdraws a proposal.',
      )
      .requiredOption('--reason <text>', 'why; kept with it and in the audit log')
      .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showOne(io, options, {
          method: 'POST',
          path: apiPath('v1', 'agreements', id, 'revoke'),
          body: { reason },
        }),
      ),
    'agreements revoke agr_01JQ… --reason "contract ended"',
  );
}
