import type { Command } from 'commander';
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { withConnection } from './options.ts';
import { colorsFor, write, writeJson } from './output.ts';
import { readJson } from './read-input.ts';
import { type Column, filledColumns, formatTable } from './table.ts';

const columns: readonly Column[] = [
  { title: 'EVENT', value: 'id' },
  { title: 'STATUS', value: 'status' },
  { title: 'REASON', value: 'reason' },
  { title: 'DETAIL', value: 'detail' },
];

interface ReportOptions extends ConnectionOptions {
  readonly file: string;
}

/** For what the kit's reporter gave back: it keeps no event that it could not deliver. */
export function addReport(usage: Command, io: CliIo): void {
  withExamples(
    withConnection(usage.command('report'))
      .description(
        'Reports usage as a provider, with its own token. Safe to repeat: an event that is known is not counted again. Ends ' +
          'with 3 when any event was rejected.',
      )
      .requiredOption('--file <path>', 'a CloudEvent as JSON, or up to 1000 in an array; - for stdin')
      .action((options: ReportOptions) => runReport(io, options)),
    'usage report --file lost-events.json --token-file token.txt',
  );
}

async function runReport(io: CliIo, { file, ...options }: ReportOptions): Promise<void> {
  const body = await readJson(io, file);
  const api = await connect(io, options);
  const answer = await api.request({
    method: 'POST',
    path: '/v1/usage/events',
    // A single one too: only a batch is answered with a result for each.
    body: Array.isArray(body) ? body : [body],
    contentType: 'application/cloudevents-batch+json',
  });
  const results = resultsOf(answer.body);
  if (options.json === true) await writeJson(io, answer.text);
  else
    await write(
      io.stdout,
      formatTable(filledColumns(columns, results), results, colorsFor(io.stdout, io.env)),
    );
  const rejected = results.filter(({ status }) => status === 'rejected').length;
  if (rejected > 0)
    throw new Failure('refused', `${rejected} of ${results.length} events were rejected; the others count.`);
}

function resultsOf(body: JsonValue): readonly JsonObject[] {
  const results = isJsonObject(body) ? body['results'] : undefined;
  return Array.isArray(results) ? results.filter((result: JsonValue) => isJsonObject(result)) : [];
}
