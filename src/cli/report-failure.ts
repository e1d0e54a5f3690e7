import { CommanderError } from 'commander';
import { ConfigError } from '../config/index.ts';
import { exitCodes, Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { colorsFor, OutputClosed, write } from './output.ts';
import { printable } from './table.ts';

/** How a command's end is told; see {@link reportFailure}. */
export interface Reporting {
  /** As one JSON object instead of text for people. */
  readonly asJson: boolean;
  /** The help that commander wants shown, where a group of commands was named without one of them. */
  readonly help: string;
}

/** Tells on standard error why a command ended. Answers the exit code. */
export async function reportFailure(io: CliIo, error: unknown, { asJson, help }: Reporting): Promise<number> {
  // The reader of our output went away: it has all it wanted.
  if (error instanceof OutputClosed) return exitCodes.ok.code;
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok.code;
  const failure = toFailure(error);
  const isGroupAlone = error instanceof CommanderError && error.code === 'commander.help';
  try {
    if (asJson) await write(io.stderr, `${JSON.stringify(asProblem(failure))}\n`);
    else await write(io.stderr, isGroupAlone ? help : describe(io, failure));
  } catch (closed) {
    if (!(closed instanceof OutputClosed)) throw closed;
  }
  return exitCodes[failure.reason].code;
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
  if (error.code === 'commander.help')
    return new Failure('usage', 'Say which command: add --help for the list.', { cause: error });
  return new Failure('usage', error.message.replace(/^error: /, '').replaceAll('\n', ' '), {
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

/** What went wrong may be in others' words, or in what was typed: neither may move the cursor. */
function describe(io: CliIo, { message, hints }: Failure): string {
  const colors = colorsFor(io.stderr, io.env);
  const lines = [...message.split('\n'), ...hints].map((line) => printable(line).trim());
  return `${colors.red('error')} ${lines.join('\n      ')}\n`;
}
