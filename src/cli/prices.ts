import type { Command } from 'commander';
import { asText } from '../kernel/json.ts';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  integer,
  pairs,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import type { Column, Row } from './table.ts';

const planColumns: readonly Column[] = [
  { title: 'PLAN', value: 'key' },
  { title: 'CURRENCY', value: 'currency' },
  { title: 'METERS', value: meters },
  { title: 'SINCE', value: 'createdAt' },
];
const contractColumns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'CURRENCY', value: 'currency' },
  { title: 'COMMISSION (BPS)', value: 'commissionBps', alignRight: true },
  { title: 'FROM', value: 'from' },
];

interface NewPlan extends BodyOptions {
  readonly key?: string;
  readonly currency?: string;
  readonly price?: Readonly<Record<string, string>>;
}

interface NewContract extends BodyOptions {
  readonly commissionBps?: number;
  readonly currency?: string;
  readonly from?: string;
}

export function addPriceCommands(program: Command, io: CliIo): void {
  const plans = program
    .command('plans')
    .description('Prices for tenants. A plan never changes: new prices, new plan.');

  withExamples(
    withPaging(plans.command('list'))
      .description('Lists plans.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/plans' }, planColumns)),
    'plans list',
  );
  withExamples(
    withConnection(plans.command('show').argument('<plan>', 'its key'))
      .description('Shows a plan.')
      .action((key: string, options: ConnectionOptions) =>
        showOne(io, options, { path: apiPath('v1', 'plans', key) }),
      ),
    'plans show flights-2026',
  );
  withExamples(
    withBody(plans.command('create'))
      .description('Defines a plan. Tiered prices, and prices for some dimensions only, come with --file.')
      .option('--key <key>', 'its name in subscriptions (needed)')
      .option('--currency <code>', 'ISO 4217, such as EUR (needed)')
      .option('--price <meter=amount>', 'price of each unit of a meter; repeatable (needed)', pairs)
      .action(async ({ key, currency, price, ...options }: NewPlan) => {
        const prices =
          price === undefined
            ? undefined
            : Object.entries(price).map(([meter, unitAmount]) => ({ meter, model: 'per_unit', unitAmount }));
        const body = await requestBody(io, options, { key, currency, prices });
        await showOne(io, options, { method: 'POST', path: '/v1/plans', body });
      }),
    'plans create --key flights-2026 --currency EUR --price calls=0.02 --price output_tokens=0.000015',
    'plans create --file graduated.json',
  );

  const contracts = program.command('contracts').description('The operator’s commission with each provider.');
  withExamples(
    withPaging(contracts.command('list').argument('<provider>', 'its id'))
      .description('Lists a provider’s contracts.')
      .action((provider: string, options: PagingOptions) =>
        showList(io, options, { path: apiPath('v1', 'providers', provider, 'contracts') }, contractColumns),
      ),
    'contracts list skyways',
  );
  withExamples(
    withBody(contracts.command('create').argument('<provider>', 'its id'))
      .description('Agrees on a commission, from a month on.')
      .option('--commission-bps <points>', 'in basis points: 1500 is 15 % (needed)', integer)
      .option('--currency <code>', 'ISO 4217, such as EUR (needed)')
      .option('--from <month>', 'first month, such as 2026-01 (needed)')
      .action(async (provider: string, { commissionBps, currency, from, ...options }: NewContract) =>
        showOne(io, options, {
          method: 'POST',
          path: apiPath('v1', 'providers', provider, 'contracts'),
          body: await requestBody(io, options, { commissionBps, currency, from }),
        }),
      ),
    'contracts create skyways --commission-bps 1500 --currency EUR --from 2026-01',
  );
}

function meters(plan: Row): readonly string[] {
  const prices = plan['prices'];
  if (!Array.isArray(prices)) return [];
  return [...new Set(prices.map((price: Row) => asText(price['meter'])))];
}
