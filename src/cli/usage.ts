import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withExamples,
  withPaging,
} from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
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
const meterColumns: readonly Column[] = [
  { title: 'METER', value: 'key' },
  { title: 'UNIT', value: 'unit' },
  { title: 'AGGREGATION', value: 'aggregation' },
  { title: 'AUTHORITY', value: 'authority' },
];

interface UsageOptions extends ConnectionOptions {
  readonly tenant?: string;
  readonly provider?: string;
  readonly agent?: string;
  readonly meter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly window?: string;
  readonly groupBy?: readonly string[];
}

interface NewMeter extends BodyOptions {
  readonly key?: string;
  readonly aggregation?: string;
  readonly unit?: string;
}

export function addUsageCommands(program: Command, io: CliIo): void {
  const usage = program
    .command('usage')
    .description('What was used, as observed by the broker and as reported.');

  withExamples(
    withConnection(usage.command('show'))
      .description('Adds up usage; of this month when nothing else is asked for.')
      .option('--tenant <id>', 'of this tenant')
      .option('--provider <id>', 'of this provider’s agents')
      .option('--agent <agent>', 'of provider/agent')
      .option('--meter <key>', 'of this meter')
      .option('--from <time>', 'RFC 3339 time in UTC (default: the first of this month)')
      .option('--to <time>', 'exclusive (default: now)')
      .option('--window <window>', 'a sum for each hour, day or month')
      .option('--group-by <members>', 'tenant, provider, agent, meter, kind; comma-separated', list)
      .action(({ groupBy, tenant, provider, agent, meter, from, to, window, ...options }: UsageOptions) => {
        const query = { tenant, provider, agent, meter, from, to, window, groupBy: groupBy?.join(',') };
        return showList(io, options, { path: '/v1/usage', query }, columns);
      }),
    'usage show',
    'usage show --tenant acme --window day --group-by agent,meter,kind',
  );
  withPaging(usage.command('quarantine').argument('<provider>'))
    .description('Lists events that a provider reported and that are not billed, and why.')
    .action((provider: string, options: PagingOptions) =>
      showList(io, options, { path: '/v1/usage/quarantine', query: { provider } }, quarantineColumns),
    );

  const meters = program.command('meters').description('What is counted, and whose word counts.');
  withConnection(meters.command('list'))
    .description('Lists meters.')
    .action((options: ConnectionOptions) => showList(io, options, { path: '/v1/meters' }, meterColumns));
  withExamples(
    withBody(meters.command('create'))
      .description('Defines a meter on which providers report. It means one thing for ever.')
      .option('--key <key>', 'its name in events and plans')
      .option('--aggregation <how>', 'sum, count, max or latest')
      .option('--unit <unit>', 'for people, such as tokens')
      .action(async ({ key, aggregation, unit, ...options }: NewMeter) =>
        showOne(io, options, {
          method: 'POST',
          path: apiPath('v1', 'meters'),
          body: await requestBody(io, options, { key, aggregation, unit }),
        }),
      ),
    'meters create --key output_tokens --aggregation sum --unit tokens',
  );
}
