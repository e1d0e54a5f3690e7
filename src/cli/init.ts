import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, isDevelopment, loadConfig } from '../config/index.ts';
import { createOnce, loadMasterKey, masterKeyPath } from '../config/master-key.ts';
import { ensureDataDirectory } from './data-directory.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import { initTable, type InitTableOptions } from './init-table.ts';
import type { CliIo } from './io.ts';
import { operatorTokenPath, readOperatorTokenFile } from './operator-token-file.ts';
import { withJson } from './options.ts';
import { colorsFor, write } from './output.ts';
import { dataDirFailure } from './start-failure.ts';

/** Where a secret is, and whether it is new. */
interface Secret {
  readonly status: 'made' | 'kept' | 'from environment' | 'in the store';
  readonly path?: string;
}

export function addInitCommand(program: Command, io: CliIo): void {
  const init = withJson(program.command('init'))
    .summary('Makes the data directory, the master key and the operator’s token.')
    .description(
      'Makes what a broker needs before its first start: the data directory, the master key that encrypts its private ' +
        'keys, and the operator’s token. What is there already is kept, never overwritten. Secrets are written to files ' +
        'that only this user can read, and are not printed. With BROKER_STORE=dynamodb it makes or checks the table instead ' +
        '(docs/dynamodb.md).',
    )
    .option('--no-protect', 'do not protect the DynamoDB table against deletion')
    .action((options: InitTableOptions) => runInit(io, options));
  withExamples(init, 'init', 'init --json');
}

async function runInit(io: CliIo, options: InitTableOptions): Promise<void> {
  // Checked before anything is written; what init itself will make must not be missed by the check.
  const config = loadConfig({
    ...io.env,
    BROKER_MASTER_KEY: io.env['BROKER_MASTER_KEY'] || randomBytes(32).toString('base64url'),
    BROKER_OPERATOR_TOKEN: io.env['BROKER_OPERATOR_TOKEN'] || newOperatorToken(),
  });
  if (config.BROKER_STORE === 'dynamodb') return initTable(io, config, options);
  const directory = config.BROKER_DATA_DIR;
  await ensureDataDirectory(directory);
  const hadStore = await exists(join(directory, 'broker.mdb'));
  try {
    const masterKey = await initMasterKey(io.env, directory, hadStore);
    const operatorToken = await initOperatorToken(io.env, directory, hadStore);
    const report = {
      dataDir: resolve(directory),
      masterKey,
      operatorToken,
      next: nextSteps(io.env, config, operatorToken),
    };
    if (options.json === true) return await write(io.stdout, `${JSON.stringify(report)}\n`);
    await write(io.stdout, describe(report, io));
  } catch (error) {
    throw error instanceof Error && 'errno' in error ? dataDirFailure(error, directory) : error;
  }
}

async function initMasterKey(env: CliIo['env'], directory: string, hadStore: boolean): Promise<Secret> {
  if (env['BROKER_MASTER_KEY']) return { status: 'from environment' };
  const path = masterKeyPath(directory);
  const isThere = await exists(path);
  if (!isThere && hadStore)
    throw new Failure('configuration', `${directory} has data, but its master key ${path} is gone.`, {
      hints: [
        'Put the file back, or set BROKER_MASTER_KEY to what it held: another key cannot decrypt what is there.',
      ],
    });
  await loadMasterKey({ BROKER_DATA_DIR: directory });
  return { status: isThere ? 'kept' : 'made', path: resolve(path) };
}

async function initOperatorToken(env: CliIo['env'], directory: string, hadStore: boolean): Promise<Secret> {
  if (env['BROKER_OPERATOR_TOKEN']) return { status: 'from environment' };
  const path = operatorTokenPath(directory);
  if ((await readOperatorTokenFile(directory)) !== undefined) return { status: 'kept', path: resolve(path) };
  // The first start made one and printed it; a file with another would take its place at the next start.
  if (hadStore) return { status: 'in the store' };
  await createOnce(path, `${newOperatorToken()}\n`);
  return { status: 'made', path: resolve(path) };
}

export function newOperatorToken(): string {
  return `op_${randomBytes(32).toString('base64url')}`;
}

function nextSteps(env: CliIo['env'], config: Config, operatorToken: Secret): readonly string[] {
  const directory = config.BROKER_DATA_DIR;
  const steps = [
    'a2a-broker doctor',
    'a2a-broker serve',
    'a2a-broker providers create --id acme --name Acme',
  ];
  if (operatorToken.status === 'in the store')
    steps.unshift('export BROKER_OPERATOR_TOKEN=…   # as the first start printed it, or a new one');
  if (isDevelopment(config)) return steps;
  // A key beside what it encrypts protects nothing: outside development it has to come from elsewhere.
  if (!env['BROKER_OPERATOR_TOKEN'])
    steps.unshift(`export BROKER_OPERATOR_TOKEN="$(cat ${operatorTokenPath(directory)})"`);
  if (!env['BROKER_MASTER_KEY'])
    steps.unshift(
      `export BROKER_MASTER_KEY="$(cat ${masterKeyPath(directory)})"   # then move the file to your secret store`,
    );
  return steps;
}

interface Report {
  readonly dataDir: string;
  readonly masterKey: Secret;
  readonly operatorToken: Secret;
  readonly next: readonly string[];
}

function describe({ dataDir, masterKey, operatorToken, next }: Report, io: CliIo): string {
  const colors = colorsFor(io.stdout, io.env);
  const secret = ({ status, path }: Secret) => (path === undefined ? status : `${path} (${status})`);
  return [
    `data directory  ${dataDir}`,
    `master key      ${secret(masterKey)}`,
    `operator token  ${secret(operatorToken)}`,
    '',
    'Keep a copy of the master key apart from the data: without it nobody can use the data, with both anybody can.',
    '',
    'Next:',
    ...next.map((step) => `  ${colors.cyan(step)}`),
    '',
  ].join('\n');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
