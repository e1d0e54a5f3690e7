import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { InvalidArgumentError } from 'commander';
import { type AuditRecord, type ChainReport, createChainVerifier, type Place } from '../audit/index.ts';
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { auditExport } from './export-audit.ts';
import { Failure, systemReason } from './failure.ts';
import type { CliIo } from './io.ts';
import { colorsFor, write } from './output.ts';
import { showProgress } from './transfer-progress.ts';

export interface AuditVerifyOptions extends ConnectionOptions {
  readonly from?: string;
  readonly head?: readonly Place[];
}

/** Each start of a broker begins a log; the latest name those before them. */
const shownHeads = 5;

/** `log:seq:hash`, as a check prints it; repeated. */
export function head(text: string, before: readonly Place[] = []): readonly Place[] {
  const [, log, seq, hash] = /^([A-Za-z0-9_-]{1,64}):(\d{1,15}):([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  if (log === undefined || seq === undefined || hash === undefined)
    throw new InvalidArgumentError('log:seq:hash was expected, as `audit verify` prints it.');
  return [...before, { log, seq: Number(seq), hash }];
}

/** Throws `failed` when something was changed or is missing. */
export async function runAuditVerify(io: CliIo, options: AuditVerifyOptions): Promise<void> {
  const verifier = createChainVerifier(options.head);
  const progress = showProgress(io);
  let count = 0;
  try {
    for await (const entries of options.from === undefined
      ? (await connect(io, options)).pages(auditExport)
      : linesOf(options.from)) {
      for (const entry of entries) verifier.add(asRecord(entry));
      progress.tell('checking', (count += entries.length));
    }
  } finally {
    progress.clear();
  }
  const report = verifier.end();
  await write(io.stdout, options.json === true ? `${JSON.stringify(report)}\n` : describe(io, report));
  if (report.problems.length > 0)
    throw new Failure('failed', 'The audit log is not as it was written: see the places above.');
}

async function* linesOf(path: string): AsyncGenerator<readonly JsonObject[]> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let number = 0;
  try {
    for await (const line of lines) {
      number++;
      if (line === '') continue;
      const entry = parseJson(line);
      if (!isJsonObject(entry)) throw new Failure('usage', `${path}, line ${number}: not an entry in JSON.`);
      yield [entry];
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('usage', `${path} cannot be read: ${systemReason(error)}.`, { cause: error });
  }
}

/** What is not as an entry should be gives another hash, and so a finding; only its link has to have a form. */
function asRecord(entry: JsonObject): AuditRecord {
  const { id, chain } = entry;
  const isLinked =
    chain === undefined ||
    (isJsonObject(chain) &&
      typeof chain['log'] === 'string' &&
      Number.isSafeInteger(chain['seq']) &&
      Number.isSafeInteger(chain['settled']) &&
      [chain['skipped'], chain['after']].every((list) => list === undefined || isPlaces(list)));
  if (typeof id !== 'string' || !isLinked)
    throw new Failure('failed', `The entry ${typeof id === 'string' ? id : '?'} has no readable link.`);
  return entry as unknown as AuditRecord;
}

function isPlaces(list: unknown): boolean {
  return (
    Array.isArray(list) && list.every((place) => isJsonObject(place) && Number.isSafeInteger(place['seq']))
  );
}

function describe(io: CliIo, { entries, unchained, unused, logs, heads, problems }: ChainReport): string {
  const colors = colorsFor(io.stdout, io.env);
  const found = problems.map(
    ({ kind, log, seq, id }) =>
      `${colors.red(kind.padEnd(8))} ${log} ${seq}${id === undefined ? '' : `  ${id}`}`,
  );
  const before = unchained === 0 ? '' : `, ${unchained} from before there was a chain`;
  const missed = unused === 0 ? '' : `, ${unused} numbers not used (their writes failed)`;
  return [
    ...found,
    `${entries} entries in ${logs === 1 ? '1 log' : `${logs} logs`}${before}${missed}: ${problems.length === 0 ? colors.green('all as they were written') : problems.length === 1 ? '1 problem' : `${problems.length} problems`}`,
    ...heads.slice(-shownHeads).map(({ log, seq, hash }) => `head ${log}:${seq}:${hash}`),
    '',
  ].join('\n');
}
