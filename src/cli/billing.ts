import { type Command, Option } from 'commander';
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import { showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import type { Column } from './table.ts';

const periodColumns: readonly Column[] = [
  { title: 'PERIOD', value: 'period' },
  { title: 'STATE', value: 'state' },
  { title: 'EVENTS', value: 'events', alignRight: true },
  { title: 'INVOICES', value: 'invoices', alignRight: true },
  { title: 'SETTLEMENTS', value: 'settlements', alignRight: true },
  { title: 'UNPRICED', value: 'unpricedCount', alignRight: true },
];
export const invoiceColumns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'NUMBER', value: 'number' },
  { title: 'TENANT', value: 'tenant' },
  { title: 'PERIOD', value: 'period' },
  { title: 'TOTAL', value: 'total', alignRight: true },
  { title: 'CURRENCY', value: 'currency' },
];
const settlementColumns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'PROVIDER', value: 'provider' },
  { title: 'PERIOD', value: 'period' },
  { title: 'CONTRACT', value: 'contract' },
  { title: 'GROSS', value: 'gross', alignRight: true },
  { title: 'COMMISSION', value: 'commission', alignRight: true },
  { title: 'NET', value: 'net', alignRight: true },
  { title: 'CURRENCY', value: 'currency' },
];
const journalColumns: readonly Column[] = [
  { title: 'ACCOUNT', value: 'account' },
  { title: 'AMOUNT', value: 'amount', alignRight: true },
  { title: 'CURRENCY', value: 'currency' },
  { title: 'DOCUMENT', value: 'document' },
];

/** Rating a month takes long; an interrupted close goes on where it stopped. */
export const closeTimeoutMs = 290_000;

interface CloseOptions extends ConnectionOptions {
  readonly early?: boolean;
  readonly state?: boolean;
}

interface DocumentFilter extends PagingOptions {
  readonly tenant?: string;
  readonly provider?: string;
  readonly period?: string;
}

export function addBillingCommands(program: Command, io: CliIo): void {
  const billing = program
    .command('billing')
    .description('The month’s books: periods, invoices, settlements.');

  withExamples(
    withPaging(billing.command('periods'))
      .description('Lists the months that have usage.')
      .action((options: PagingOptions) =>
        showList(io, options, { path: '/v1/billing/periods' }, periodColumns),
      ),
    'billing periods',
  );
  withExamples(
    withConnection(billing.command('period').argument('<month>', 'such as 2026-01'))
      .description('Shows a month’s state and, once it is closed, its sums and whether they tie out.')
      .action((period: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'billing', 'periods', period) }),
      ),
    'billing period 2026-01',
  );
  withExamples(
    withConnection(billing.command('close').argument('<month>', 'such as 2026-01'))
      .description('Closes a month: its invoices and settlements become final. Safe to repeat.')
      .option('--early', 'before the month and its grace are over; what comes later posts to the next')
      .addOption(new Option('--state', 'only say how far the close is; close nothing').conflicts('early'))
      .action((period: string, { early, state, ...options }: CloseOptions) =>
        showOne(io, options, {
          method: state === true ? 'GET' : 'POST',
          path: apiPath('v1', 'billing', 'periods', period, 'close'),
          timeoutMs: closeTimeoutMs,
          ...(early === true ? { body: { early } } : {}),
        }),
      ),
    'billing close 2026-01',
    'billing close 2026-01 --state',
    'billing close 2026-01 --json | jq ".tieOut[] | select(.ok | not)"',
  );
  withExamples(
    withPaging(billing.command('journal').argument('<month>', 'such as 2026-01'))
      .description('Lists a month’s journal, in double entry.')
      .action((period: string, options: PagingOptions) =>
        showList(
          io,
          options,
          { path: apiPath('v1', 'billing', 'periods', period, 'journal') },
          journalColumns,
        ),
      ),
    'billing journal 2026-01 --all',
  );
  withExamples(
    withPaging(billing.command('invoices'))
      .description('Lists invoices.')
      .option('--tenant <id>', 'of this tenant')
      .option('--period <month>', 'of this month')
      .action(({ tenant, period, ...options }: DocumentFilter) =>
        showList(io, options, { path: '/v1/invoices', query: { tenant, period } }, invoiceColumns),
      ),
    'billing invoices --period 2026-01 --all',
  );
  withExamples(
    withConnection(billing.command('invoice').argument('<id>', 'from `billing invoices`'))
      .description('Shows an invoice with its lines.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'invoices', id) }),
      ),
    'billing invoice inv_01JQ…',
  );
  withExamples(
    withPaging(billing.command('settlements'))
      .description('Lists settlements.')
      .option('--provider <id>', 'of this provider')
      .option('--period <month>', 'of this month')
      .action(({ provider, period, ...options }: DocumentFilter) =>
        showList(io, options, { path: '/v1/settlements', query: { provider, period } }, settlementColumns),
      ),
    'billing settlements --provider skyways',
  );
  withExamples(
    withConnection(billing.command('settlement').argument('<id>', 'from `billing settlements`'))
      .description('Shows a settlement with its lines.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'settlements', id) }),
      ),
    'billing settlement set_01JQ…',
  );
  withExamples(
    withConnection(billing.command('draft').argument('<tenant>', 'who would pay'))
      .description('Shows what a tenant owes so far for a month that is not closed.')
      .option('--period <month>', 'of this month (default: the one to which usage posts now)')
      .action((tenant: string, { period, ...options }: ConnectionOptions & { readonly period?: string }) => {
        const path = apiPath('v1', 'tenants', tenant, 'invoices', 'draft');
        return showOne(io, options, { path, query: { period }, timeoutMs: closeTimeoutMs }, arrangeDraft);
      }),
    'billing draft acme',
  );
}

/** The lines of all currencies in one table, each with its currency. */
function arrangeDraft({ invoices, ...rest }: JsonObject): JsonObject {
  const drafts = Array.isArray(invoices) ? invoices.filter((draft: JsonValue) => isJsonObject(draft)) : [];
  return {
    ...rest,
    invoices: drafts.map(({ lines: _, ...draft }) => draft),
    lines: drafts.flatMap(({ lines, currency = null }) =>
      (Array.isArray(lines) ? lines : [])
        .filter((line: JsonValue) => isJsonObject(line))
        .map((line) => ({ ...line, currency })),
    ),
  };
}
