import { type Argument, type Command, Help, Option } from 'commander';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { colorsFor, isColorful } from './output.ts';

/** Headings of options that many commands share, in the order of the help; a command's own options come before them. */
export const optionGroups = {
  file: 'From a file:',
  paging: 'Paging:',
  connection: 'Connection:',
  general: 'General:',
} as const;

const shared: readonly string[] = Object.values(optionGroups);
const maxWidth = 110;

/**
 * How help looks and where it goes. What would go to standard error is given to `onErrorHelp` instead: who reports the error
 * decides whether it is shown.
 */
export function configureHelp(program: Command, io: CliIo, onErrorHelp: (text: string) => void): void {
  const widthOf = (columns: number | undefined) => Math.min(columns ?? 80, maxWidth);
  program
    .addHelpOption(new Option('-h, --help', 'show help').helpGroup(optionGroups.general))
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: false,
      styleTitle: (title) => colorsFor(io.stdout, io.env).bold(title),
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map((argument) => argumentTerm(argument))].join(' '),
      subcommandDescription: (command) => command.summary() || firstSentence(command.description()),
      groupItems: (unsorted, visible, getGroup) => {
        const groups = [...new Help().groupItems(unsorted, visible, getGroup)];
        return new Map(groups.toSorted(([a], [b]) => shared.indexOf(a) - shared.indexOf(b)));
      },
    })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: onErrorHelp,
      getOutHelpWidth: () => widthOf(io.stdout.columns),
      getErrHelpWidth: () => widthOf(io.stderr.columns),
      getOutHasColors: () => isColorful(io.stdout, io.env),
      getErrHasColors: () => isColorful(io.stderr, io.env),
    });
}

/** `help agents register`: commander's own looks one level deep. After all other commands. */
export function addHelpCommand(program: Command): void {
  describeGroups(program, program.name());
  const help = program
    .command('help')
    .argument('[command...]', 'its name, such as agents register')
    .description('Shows the help of a command.')
    .action((names: readonly string[]) => {
      let command = program;
      for (const name of names) {
        const next = command.commands.find((candidate) => candidate.name() === name);
        if (next === undefined)
          throw new Failure('usage', `There is no command "${names.join(' ')}".`, {
            hints: ['Add --help for what is possible.'],
          });
        command = next;
      }
      command.outputHelp();
    });
  withExamples(help, 'help agents register');
}

function describeGroups(parent: Command, path: string): void {
  for (const group of parent.commands.filter(({ commands }) => commands.length > 0)) {
    const name = `${path} ${group.name()}`;
    group
      .usage('<command>')
      .helpCommand(false)
      .addHelpText('after', `\nMore about each: ${name} <command> --help`);
    describeGroups(group, name);
  }
}

/** `<agent>`, `[words...]` */
export function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
}

function firstSentence(text: string): string {
  return /^.*?[.](?=\s|$)/.exec(text)?.[0] ?? text;
}
