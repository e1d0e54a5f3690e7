import type { Command } from 'commander';
import { showOne } from './answers.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { withBroker } from './options.ts';

export function addOpenApiCommand(program: Command, io: CliIo): void {
  withExamples(
    withBroker(program.command('openapi'))
      .description('Prints the OpenAPI 3.1 document of the management API. Always JSON.')
      .action((options: ConnectionOptions) =>
        showOne(io, { ...options, json: true }, { path: '/openapi.json', anonymous: true }),
      ),
    'openapi > openapi.json',
  );
}
