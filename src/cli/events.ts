import type { Command } from 'commander';
import { showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'TYPE', value: 'type' },
  { title: 'SUBJECT', value: 'subject' },
  { title: 'DEAD SINCE', value: 'deadAt' },
  { title: 'ATTEMPTS', value: 'attempts', alignRight: true },
  { title: 'REASON', value: 'reason' },
];

export function addEventCommands(program: Command, io: CliIo): void {
  const events = program.command('events').description('Business events on their way to the bus.');

  withExamples(
    withConnection(events.command('outbox'))
      .description('Shows how many events wait for the bus, since when, and how many are dead letters.')
      .action((options: ConnectionOptions) => showOne(io, options, { path: '/v1/events/outbox' })),
    'events outbox',
  );

  const deadLetters = events
    .command('dead-letters')
    .description('Events that the bus refused again and again. Each holds back what comes after it.');

  withExamples(
    withPaging(deadLetters.command('list'))
      .description('Lists dead letters, oldest first.')
      .action((options: PagingOptions) =>
        showList(io, options, { path: '/v1/events/dead-letters' }, columns),
      ),
    'events dead-letters list --all',
  );
  withExamples(
    withConnection(deadLetters.command('replay').argument('<event>', 'its id'))
      .description('Tries a dead letter again. What waits behind it follows.')
      .action((id: string, options: ConnectionOptions) =>
        showOne(io, options, { method: 'POST', path: pathOf(id, 'replay') }),
      ),
    'events dead-letters replay evt_01JQ…',
  );
  withExamples(
    withConnection(deadLetters.command('discard').argument('<event>', 'its id'))
      .description('Gives a dead letter up: consumers never get it. What waits behind it goes out.')
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .action((id: string, { reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showOne(io, options, { method: 'POST', path: pathOf(id, 'discard'), body: { reason } }),
      ),
    'events dead-letters discard evt_01JQ… --reason "the bus is gone"',
  );
}

function pathOf(event: string, decision: 'replay' | 'discard'): string {
  return apiPath('v1', 'events', 'dead-letters', event, decision);
}
