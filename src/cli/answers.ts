import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import { type ApiRequest, readPage } from './api-client.ts';
import { connect, connectAnonymously, type ConnectionOptions } from './connection.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import type { BodyOptions, PagingOptions } from './options.ts';
import { colorsFor, write, writeJson } from './output.ts';
import { readJsonObject } from './read-input.ts';
import { type Column, filledColumns, formatRecord, formatTable } from './table.ts';

/** One request; its answer as a record. `arrange`: for people, who see lists of one level only. */
export async function showOne(
  io: CliIo,
  options: ConnectionOptions,
  request: ApiRequest,
  arrange: (answer: JsonObject) => JsonObject = (answer) => answer,
): Promise<void> {
  const api = request.anonymous === true ? connectAnonymously(io, options) : await connect(io, options);
  const { text, body } = await api.request(request);
  if (options.json === true) return writeJson(io, text);
  await write(
    io.stdout,
    formatRecord(isJsonObject(body) ? arrange(body) : { answer: body }, colorsFor(io.stdout, io.env)),
  );
}

/** One page of a list, or with `--all` every page; as a table. */
export async function showList(
  io: CliIo,
  options: PagingOptions,
  request: ApiRequest,
  columns: readonly Column[],
): Promise<void> {
  const api = await connect(io, options);
  const paged = { ...request, query: { ...request.query, limit: options.limit, cursor: options.cursor } };
  if (options.all === true) {
    const pages = api.pages({ ...paged, query: { ...paged.query, limit: options.limit ?? 200 } });
    if (options.json === true) return writeAllAsJson(io, pages);
    const items: JsonObject[] = [];
    for await (const page of pages) items.push(...page);
    return writeTable(io, items, columns);
  }
  const { text, body } = await api.request(paged);
  if (options.json === true) return writeJson(io, text);
  const { items, nextCursor } = readPage(body);
  await writeTable(io, items, columns);
  if (nextCursor !== undefined)
    await write(io.stderr, `There is more: add --all, or --cursor ${nextCursor}\n`);
}

async function writeTable(
  io: CliIo,
  items: readonly JsonObject[],
  columns: readonly Column[],
): Promise<void> {
  if (items.length === 0) return write(io.stderr, 'There is nothing.\n');
  await write(io.stdout, formatTable(filledColumns(columns, items), items, colorsFor(io.stdout, io.env)));
}

/** `{"items":[…]}` while it arrives: a long list never has to fit into memory. */
async function writeAllAsJson(io: CliIo, pages: AsyncIterable<readonly JsonObject[]>): Promise<void> {
  let separator = '{"items":[';
  for await (const page of pages)
    for (const item of page) {
      await write(io.stdout, separator + JSON.stringify(item));
      separator = ',';
    }
  await write(io.stdout, separator === ',' ? ']}\n' : '{"items":[]}\n');
}

/** The body of a write: what `--file` holds, overridden by the members that were given as options. Throws `usage`. */
export async function requestBody(
  io: CliIo,
  options: BodyOptions,
  members: Readonly<Record<string, JsonValue | undefined>>,
): Promise<JsonObject> {
  const given = Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const file = options.file === undefined ? {} : await readJsonObject(io, options.file);
  const body = { ...file, ...Object.fromEntries(given) };
  if (Object.keys(body).length === 0)
    throw new Failure('usage', 'Say what to write: with options, or with --file (add --help for both).');
  return body;
}
