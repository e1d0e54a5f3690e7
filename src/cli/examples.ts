import type { Command } from 'commander';

const examples = new WeakMap<Command, readonly string[]>();

/**
 * An `Examples:` section under the help. Each is what stands behind `a2a-broker`; a longer one may go on, after ` \` and a line
 * end, in lines of its own.
 */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  examples.set(command, lines);
  return command.addHelpText(
    'after',
    ['\nExamples:', ...lines.map((line) => `  $ a2a-broker ${line.replaceAll('\n', '\n      ')}`)].join('\n'),
  );
}

/** For `docs/cli.md` and for the test that every example is a command line that we understand. */
export function examplesOf(command: Command): readonly string[] {
  return examples.get(command) ?? [];
}
