import type { Command } from 'commander';
import { requestBody, showList, showOne } from './answers.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type BodyOptions, type PagingOptions, withBody, withPaging } from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'METER', value: 'key' },
  { title: 'UNIT', value: 'unit' },
  { title: 'AGGREGATION', value: 'aggregation' },
  { title: 'AUTHORITY', value: 'authority' },
];

interface NewMeter extends BodyOptions {
  readonly key?: string;
  readonly aggregation?: string;
  readonly unit?: string;
}

export function addMeterCommands(program: Command, io: CliIo): void {
  const meters = program.command('meters').description('What is counted, and whose word counts.');
  withExamples(
    withPaging(meters.command('list'))
      .description('Lists meters, the broker’s own first.')
      .action((options: PagingOptions) => showList(io, options, { path: '/v1/meters' }, columns)),
    'meters list',
  );
  withExamples(
    withBody(meters.command('create'))
      .description('Defines a meter on which providers report. It means one thing for ever.')
      .option('--key <key>', 'its name in events and plans (needed)')
      .option('--aggregation <how>', 'sum, count, max or latest (needed)')
      .option('--unit <unit>', 'for people, such as tokens (needed)')
      .action(async ({ key, aggregation, unit, ...options }: NewMeter) =>
        showOne(io, options, {
          method: 'POST',
          path: '/v1/meters',
          body: await requestBody(io, options, { key, aggregation, unit }),
        }),
      ),
    'meters create --key output_tokens --aggregation sum --unit tokens',
  );
}
