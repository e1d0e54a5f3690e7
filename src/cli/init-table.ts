import type { Config } from '../config/index.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { colorsFor, write } from './output.ts';
import { startFailure } from './start-failure.ts';

export interface InitTableOptions {
  readonly json?: boolean;
  /** `--no-protect` makes it false. */
  readonly protect: boolean;
}

/** What a broker on DynamoDB needs before its first start: its table. Secrets are the environment's: nothing is written here. */
export async function initTable(io: CliIo, config: Config, options: InitTableOptions): Promise<void> {
  const report = await makeReport(io, config, options);
  if (options.json === true) return write(io.stdout, `${JSON.stringify(report)}\n`);
  await write(io.stdout, describe(report, io));
}

interface Report {
  readonly store: 'dynamodb';
  readonly table: string;
  readonly region: string;
  readonly status: 'made' | 'kept';
  /** What was switched on. */
  readonly changed: readonly string[];
  readonly warnings: readonly string[];
  readonly next: readonly string[];
}

async function makeReport(io: CliIo, config: Config, options: InitTableOptions): Promise<Report> {
  // Only whoever uses it pays for loading the AWS SDK.
  const [{ createClient }, { makeTable, TableMismatch }, { checkTable }, { startProblem }] =
    await Promise.all([
      import('../storage/dynamodb/client.ts'),
      import('../storage/dynamodb/make-table.ts'),
      import('../storage/dynamodb/table.ts'),
      import('../storage/dynamodb/start-problem.ts'),
    ]);
  const table = config.DYNAMODB_TABLE ?? '';
  const place = { region: config.AWS_REGION, endpoint: config.DYNAMODB_ENDPOINT };
  const client = createClient(place);
  try {
    const progress = (step: string) => void io.stderr.write(`${step}\n`);
    const { made, changed, facts } = await makeTable(client, { table, protect: options.protect, progress });
    return {
      store: 'dynamodb',
      table,
      region: await client.config.region(),
      status: made ? 'made' : 'kept',
      changed,
      warnings: checkTable(facts).map(({ message }) => message),
      next: nextSteps(io.env),
    };
  } catch (error) {
    if (error instanceof TableMismatch)
      throw new Failure('configuration', error.message, {
        cause: error,
        hints: ['Nothing was changed. Set DYNAMODB_TABLE to another name.'],
      });
    throw startFailure(startProblem(error, { table, endpoint: place.endpoint }), config);
  } finally {
    client.destroy();
  }
}

/** Every replica needs the same secrets, so they come from where the replicas are started, not from a file of this machine. */
function nextSteps(env: CliIo['env']): readonly string[] {
  const steps = [
    'a2a-broker doctor',
    'a2a-broker serve',
    'a2a-broker providers create --id acme --name Acme',
  ];
  const secrets = { BROKER_OPERATOR_TOKEN: 'rand -hex 32', BROKER_MASTER_KEY: 'rand -base64 32' };
  for (const [name, made] of Object.entries(secrets))
    if (!env[name]) steps.unshift(`export ${name}="$(openssl ${made})"   # the same for every replica`);
  return steps;
}

function describe({ table, region, status, changed, warnings, next }: Report, io: CliIo): string {
  const colors = colorsFor(io.stdout, io.env);
  return [
    `DynamoDB table  ${table} in ${region} (${status})`,
    ...(changed.length === 0 ? [] : [`switched on     ${changed.join(', ')}`]),
    ...warnings.map((warning) => colors.yellow(`warning         ${warning}`)),
    '',
    'Keep the master key in your secret store: without it nobody can use what is in the table.',
    '',
    'Next:',
    ...next.map((step) => `  ${colors.cyan(step)}`),
    '',
  ].join('\n');
}
