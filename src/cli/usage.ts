import type { Command } from 'commander';
import { showList } from './answers.ts';
import type { Query } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { list, type PagingOptions, withConnection, withPaging } from './options.ts';
import { addReport } from './report-usage.ts';
import type { Column } from './table.ts';

export const usageColumns: readonly Column[] = [
  { title: 'WINDOW', value: 'window' },
  { title: 'TENANT', value: 'tenant' },
  { title: 'PROVIDER', value: 'provider' },
  { title: 'AGENT', value: 'agent' },
  { title: 'KIND', value: 'kind' },
  { title: 'METER', value: 'meter' },
  { title: 'QUANTITY', value: 'quantity', alignRight: true },
  { title: 'EVENTS', value: 'events', alignRight: true },
];
const quarantineColumns: readonly Column[] = [
  { title: 'EVENT', value: 'id' },
  { title: 'REASON', value: 'reason' },
  { title: 'AT', value: 'at' },
  { title: 'TENANT', value: 'event.tenantid' },
  { title: 'AGENT', value: 'event.agentid' },
  { title: 'QUANTITIES', value: 'event.data.quantities' },
];

export interface UsageOptions extends ConnectionOptions {
  readonly agent?: string;
  readonly meter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly window?: string;
  readonly groupBy?: readonly string[];
}

interface UsageOfOptions extends UsageOptions {
  readonly tenant?: string;
  readonly provider?: string;
}

export function addUsageCommands(program: Command, io: CliIo): void {
  const usage = program
    .command('usage')
    .description('What was used, as observed by the broker and as reported.');

  withExamples(
    withUsageFilter(
      withConnection(usage.command('show'))
        .option('--tenant <id>', 'of this tenant')
        .option('--provider <id>', 'of this provider’s agents'),
    )
      .description('Adds up usage; of this month when nothing else is asked for.')
      .action(({ tenant, provider, ...options }: UsageOfOptions) =>
        showList(
          io,
          options,
          { path: '/v1/usage', query: { ...usageQuery(options), tenant, provider } },
          usageColumns,
        ),
      ),
    'usage show',
    'usage show --tenant acme --window day --group-by agent,meter,kind',
  );
  addReport(usage, io);
  withExamples(
    withPaging(usage.command('quarantine').argument('[provider]', 'who reported (default: the token’s own)'))
      .description('Lists events that a provider reported and that are not billed, and why.')
      .action((provider: string | undefined, options: PagingOptions) =>
        showList(io, options, { path: '/v1/usage/quarantine', query: { provider } }, quarantineColumns),
      ),
    'usage quarantine skyways --all',
  );
}

/** Which usage is added up, and how. */
export function withUsageFilter(command: Command): Command {
  return command
    .option('--agent <agent>', 'of provider/agent')
    .option('--meter <key>', 'of this meter')
    .option('--from <time>', 'RFC 3339 time, or a day such as 2026-01-31 (default: the first of this month)')
    .option('--to <time>', 'exclusive (default: now)')
    .option('--window <window>', 'a sum for each hour, day or month')
    .option(
      '--group-by <members>',
      'tenant, provider, agent, meter, kind; comma-separated (default: agent,meter)',
      list,
    );
}

export function usageQuery({ agent, meter, from, to, window, groupBy }: UsageOptions): Query {
  return { agent, meter, from, to, window, groupBy: groupBy?.join(',') };
}
