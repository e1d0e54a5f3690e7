import type { Command } from 'commander';
import { requestBody, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type BodyOptions, list, withBody } from './options.ts';
import { readJsonObject } from './read-input.ts';

interface NewAgent extends BodyOptions {
  readonly id?: string;
  readonly cardUrl?: string;
  readonly cardFile?: string;
  readonly scopes?: readonly string[];
  readonly region?: string;
  readonly resource?: string;
}

export function addRegister(agents: Command, io: CliIo): void {
  withExamples(
    withBody(agents.command('register').argument('<provider>', 'whose agent it is'))
      .description('Registers an agent by its card. It stays a draft until it is published.')
      .option('--id <id>', 'the part after the slash in provider/agent (needed)')
      .option('--card-url <url>', 'where its card is; read now and at each refresh (needed, or --card-file)')
      .option('--card-file <path>', 'its card, when it has no URL; - for stdin')
      .option('--scopes <scopes>', 'its own scopes beyond a2a:invoke and a2a:read, comma-separated', list)
      .option('--region <region>', 'where it runs')
      .option('--resource <uri>', 'audience of tokens for it (default: its URL)')
      .action(
        async (
          provider: string,
          { id, cardUrl, cardFile, scopes, region, resource, ...options }: NewAgent,
        ) => {
          const card = cardFile === undefined ? undefined : await readJsonObject(io, cardFile);
          const body = await requestBody(io, options, { id, cardUrl, card, scopes, region, resource });
          await showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'providers', provider, 'agents'),
            body,
          });
        },
      ),
    'agents register skyways --id flights --card-url https://agents.skyways.example/.well-known/agent-card.json',
    'agents register skyways --id flights --card-file card.json --scopes flights:book',
  );
}
