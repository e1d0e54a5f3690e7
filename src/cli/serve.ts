import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config/index.ts';
import { ensureDataDirectory } from './data-directory.ts';
import { withExamples } from './examples.ts';
import type { BrokerParts, CliIo, RunnableBroker } from './io.ts';
import { dataDirOf, operatorTokenPath, readOperatorTokenFile } from './operator-token-file.ts';
import { withJson } from './options.ts';
import { colorsFor, write } from './output.ts';
import { startFailure } from './start-failure.ts';

export function addServeCommand(program: Command, io: CliIo): void {
  const serve = withJson(program.command('serve'))
    .summary('Starts the broker.')
    .description(
      'Starts the broker with the configuration of the environment (docs/configuration.md). Standard output carries the ' +
        'log, one JSON object a line; what people need to know is on standard error, or with --json in the first line of standard ' +
        'output. SIGTERM or SIGINT lets running calls end and then stops; a second one stops at once.',
    )
    .action((options: { readonly json?: boolean }) => runServe(io, options.json === true));
  withExamples(serve, 'serve', 'serve --json >> broker.log');
}

async function runServe(io: CliIo, asJson: boolean): Promise<void> {
  const config = loadConfig(await withOperatorToken(io.env));
  if (config.BROKER_STORE === 'lmdb') await ensureDataDirectory(config.BROKER_DATA_DIR);
  const { broker, port } = await startBroker(io, config);
  const stopped = stopOnSignal(broker, io);
  await announce(io, config, { port, madeOperatorToken: broker.madeOperatorToken, asJson });
  await stopped;
}

/** What `init` made counts as configured; not on a shared store, where a file of one machine is nothing to the others. */
export async function withOperatorToken(env: CliIo['env']): Promise<CliIo['env']> {
  if (env['BROKER_OPERATOR_TOKEN'] || env['BROKER_STORE'] === 'dynamodb') return env;
  const token = await readOperatorTokenFile(dataDirOf(env));
  return token === undefined ? env : { ...env, BROKER_OPERATOR_TOKEN: token };
}

/** Makes one that listens. Throws {@link startFailure}, and then leaves nothing open. */
export async function startBroker(
  io: CliIo,
  config: Config,
  parts: BrokerParts = {},
): Promise<{ broker: RunnableBroker; port: number }> {
  let broker: RunnableBroker | undefined;
  try {
    broker = await io.createBroker(config, parts);
    return { broker, ...(await broker.listen()) };
  } catch (error) {
    await broker?.close();
    throw startFailure(error, config);
  }
}

/** Resolves when the broker has stopped. */
function stopOnSignal(broker: RunnableBroker, io: CliIo): Promise<void> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals) => {
      // 128 + the signal's number, as shells say it.
      if (isStopping) process.exit(signal === 'SIGINT' ? 130 : 143);
      isStopping = true;
      io.stderr.write('Stopping: running calls may end. A second signal stops at once.\n');
      broker
        .close()
        .then(resolve, reject)
        .finally(() => {
          for (const name of signals) process.off(name, onSignal);
        });
    };
    for (const name of signals) process.on(name, onSignal);
  });
}

interface Started {
  readonly port: number;
  readonly madeOperatorToken: string | undefined;
  readonly asJson: boolean;
}

async function announce(
  io: CliIo,
  config: Config,
  { port, madeOperatorToken, asJson }: Started,
): Promise<void> {
  const data = dataPlace(config);
  const docs = `${config.BROKER_URL}/docs`;
  if (asJson) {
    const facts = { url: config.BROKER_URL, host: config.HOST, port, docs, ...data };
    const token = madeOperatorToken === undefined ? {} : { operatorToken: madeOperatorToken };
    return write(io.stdout, `${JSON.stringify({ ...facts, ...token })}\n`);
  }
  const colors = colorsFor(io.stderr, io.env);
  const lines = [
    '',
    `  ${colors.bold('The broker is running')}`,
    `  address         ${colors.cyan(config.BROKER_URL)} (listening on ${config.HOST}:${port})`,
    `  API reference   ${colors.cyan(docs)}`,
    `  data            ${data.dataDir ?? `DynamoDB table ${data.table}`}`,
    ...operatorLines(madeOperatorToken, config, colors.bold),
    ...portWarning(config, port, colors.yellow),
    '',
    '  Ctrl-C stops it.',
    '',
    '',
  ];
  await write(io.stderr, lines.join('\n'));
}

function dataPlace(config: Config): { readonly dataDir?: string; readonly table?: string } {
  return config.BROKER_STORE === 'lmdb'
    ? { dataDir: resolve(config.BROKER_DATA_DIR) }
    : { table: config.DYNAMODB_TABLE ?? '' };
}

function operatorLines(
  made: string | undefined,
  config: Config,
  bold: (text: string) => string,
): readonly string[] {
  if (made === undefined) return [];
  return [
    `  operator token  ${bold(made)}`,
    '                  Shown this once. Keep it: it is what BROKER_OPERATOR_TOKEN or',
    `                  ${operatorTokenPath(config.BROKER_DATA_DIR)} give to the other commands.`,
  ];
}

/** Whoever is told BROKER_URL must arrive here; behind a proxy on another host nobody can tell from inside. */
function portWarning(config: Config, port: number, yellow: (text: string) => string): readonly string[] {
  const { hostname, port: told, protocol } = new URL(config.BROKER_URL);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const expected = Number(told || (protocol === 'https:' ? 443 : 80));
  if (!isLocal || expected === port) return [];
  return [yellow(`  warning         BROKER_URL names port ${expected}, but the broker listens on ${port}`)];
}
