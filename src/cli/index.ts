import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/index.ts';
import { addAgentCommands } from './agents.ts';
import { addAgreementCommands } from './agreements.ts';
import { addAuditCommands } from './audit.ts';
import { addBillingCommands } from './billing.ts';
import { addClientCommands } from './clients.ts';
import { exitCodes, Failure } from './failure.ts';
import { addInitCommand } from './init.ts';
import type { CliIo } from './io.ts';
import { addIssuerCommands } from './issuers.ts';
import { addKeyCommands } from './keys.ts';
import { addOpenApiCommand } from './openapi.ts';
import { colorsFor, OutputClosed, write } from './output.ts';
import { addPriceCommands } from './prices.ts';
import { addProviderCommands } from './providers.ts';
import { addServeCommand } from './serve.ts';
import { addSubscriptionCommands } from './subscriptions.ts';
import { addTenantCommands } from './tenants.ts';
import { addTokenCommands } from './token.ts';
import { addUsageCommands } from './usage.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

/** Runs one command line. Answers the exit code; see {@link exitCodes}. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv]);
    return exitCodes.ok.code;
  } catch (error) {
    return reportFailure(io, error, argv.includes('--json'));
  }
}

/** Every command, in the order of the help. */
export function createProgram(io: CliIo): Command {
  const program = new Command('a2a-broker')
    .description(
      'The neutral broker between companies whose AI agents call each other over A2A: registry, federated trust, relay ' +
        'and central billing.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show a command’s help')
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(add --help for what is possible)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Told by reportFailure, once, in the form that was asked for.
      writeErr: () => undefined,
    });
  program.commandsGroup('Running a broker:');
  addServeCommand(program, io);
  addInitCommand(program, io);
  program.commandsGroup('Companies, agents and trust:');
  addProviderCommands(program, io);
  addIssuerCommands(program, io);
  addAgentCommands(program, io);
  addTenantCommands(program, io);
  addSubscriptionCommands(program, io);
  addClientCommands(program, io);
  addAgreementCommands(program, io);
  addKeyCommands(program, io);
  addTokenCommands(program, io);
  program.commandsGroup('Usage and money:');
  addUsageCommands(program, io);
  addPriceCommands(program, io);
  addBillingCommands(program, io);
  program.commandsGroup('Looking in:');
  addAuditCommands(program, io);
  addOpenApiCommand(program, io);
  program.addHelpText(
    'after',
    [
      '',
      'Exit codes:',
      ...Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`),
    ].join('\n'),
  );
  return program;
}

async function reportFailure(io: CliIo, error: unknown, asJson: boolean): Promise<number> {
  // The reader of our output went away: it has all it wanted.
  if (error instanceof OutputClosed) return exitCodes.ok.code;
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok.code;
  const failure = toFailure(error);
  const { code } = exitCodes[failure.reason];
  try {
    await write(io.stderr, asJson ? `${JSON.stringify(asProblem(failure))}\n` : describe(io, failure));
  } catch (closed) {
    if (!(closed instanceof OutputClosed)) throw closed;
  }
  return code;
}

function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError) return new Failure('configuration', error.message, { cause: error });
  if (error instanceof CommanderError) return commandLineFailure(error);
  // Nothing that we foresaw: the stack is what whoever mends it needs.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure('failed', `This is a defect of a2a-broker: ${text}`, { cause: error });
}

function commandLineFailure(error: CommanderError): Failure {
  // A command alone, whose help commander shows instead: asked for nothing, it is told what there is.
  if (error.code === 'commander.help')
    return new Failure('usage', 'Say which command: add --help for the list.');
  return new Failure('usage', error.message.replace(/^error: /, ''), {
    cause: error,
    hints: ['Add --help for what is possible.'],
  });
}

function asProblem({ message, reason, hints, problem }: Failure): object {
  return {
    error: {
      reason,
      exitCode: exitCodes[reason].code,
      message,
      hints,
      ...(problem === undefined ? {} : { problem }),
    },
  };
}

function describe(io: CliIo, { message, hints }: Failure): string {
  const colors = colorsFor(io.stderr, io.env);
  return [`${colors.red('error')} ${message}`, ...hints.map((hint) => `      ${hint}`), ''].join('\n');
}
