import { createRequire } from 'node:module';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { examineConfiguration } from './doctor/configuration.ts';
import { examineDataDirectory } from './doctor/data-directory.ts';
import { examineListening } from './doctor/listening.ts';
import { checkNode } from './doctor/node-version.ts';
import { checkOperatorToken } from './doctor/operator-token.ts';
import { describeReport, type Report } from './doctor/report.ts';
import { examineDynamoDbStore } from './doctor/dynamodb-store.ts';
import { examineEmbeddedStore } from './doctor/embedded-store.ts';
import type { StoreFindings } from './doctor/store-contents.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { withJson } from './options.ts';
import { colorsFor, write } from './output.ts';

const { engines } = createRequire(import.meta.url)('../../package.json') as {
  readonly engines: { readonly node: string };
};

/** Each engine of `BROKER_STORE` has its own way of being looked at. */
const examineStore = { lmdb: examineEmbeddedStore, dynamodb: examineDynamoDbStore } satisfies Record<
  Config['BROKER_STORE'],
  (config: Config, clock: Clock) => Promise<StoreFindings>
>;

export function addDoctorCommand(program: Command, io: CliIo): void {
  withExamples(
    withJson(program.command('doctor'))
      .summary('Checks whether a broker can run here, and says what to do.')
      .description(
        'Reads the configuration as `serve` would, and checks whether a broker can run with it, or does: each finding is ok, ' +
          'warn or fail, with what to do. Makes and changes nothing, and shows no secret. Ends with 0 when nothing failed (there ' +
          'may be warnings), else with 1.',
      )
      .action((options: { readonly json?: boolean }) => runDoctor(io, options.json === true)),
    'doctor',
    'doctor --json | jq -r \'.checks[] | select(.status != "ok") | .name\'',
  );
}

async function runDoctor(io: CliIo, asJson: boolean): Promise<void> {
  const report = await examine(io);
  await write(
    io.stdout,
    asJson ? `${JSON.stringify(report)}\n` : describeReport(report, colorsFor(io.stdout, io.env)),
  );
  const failed = report.checks.filter(({ status }) => status === 'fail').length;
  if (failed > 0) throw new Failure('failed', `${failed} of ${report.checks.length} checks failed.`);
}

async function examine(io: CliIo): Promise<Report> {
  const { settings, config, checks: aboutConfiguration } = await examineConfiguration(io.env);
  const checks = [checkNode(process.versions.node, engines.node), ...aboutConfiguration];
  if (config !== undefined) {
    const store = await examineStore[config.BROKER_STORE](config, systemClock);
    const listening = await examineListening(config);
    const token = await checkOperatorToken(config, {
      wasMade: store.wasOperatorTokenMade,
      runningAt: listening.runningAt,
    });
    const directory = config.BROKER_STORE === 'lmdb' ? await examineDataDirectory(config) : [];
    checks.push(...directory, ...store.checks, ...listening.checks, token);
  }
  return { ok: checks.every(({ status }) => status !== 'fail'), configuration: settings, checks };
}
