import { Readable, Writable } from 'node:stream';
import type { Command, Option } from 'commander';
import { examplesOf } from '../../src/cli/examples.ts';
import { exitCodes } from '../../src/cli/failure.ts';
import { argumentTerm, optionGroups } from '../../src/cli/help.ts';
import { createProgram } from '../../src/cli/index.ts';
import { code, notice, page, prose, shell, table } from './markdown.ts';

const shared = Object.values(optionGroups);

/** `docs/cli.md`, from the commands themselves. */
export function cliPage(): string {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const program = createProgram({
    createBroker: () => Promise.reject(new Error('nothing is started to write a page')),
    env: {},
    stdout: nowhere,
    stderr: nowhere,
    stdin: Readable.from([]),
  });
  const commands = leavesOf(program);
  return page([
    '# Command line',
    notice,
    prose(
      `${program.description()} \`a2a-broker help\` shows what is here, \`a2a-broker help agents register\` one command.`,
    ),
    prose(
      'What a command prints for people may change; what it prints with `--json` is the answer of the management API (`/docs` of a ' +
        'running broker) to the letter. Results are on standard output, everything else on standard error. Colour is for terminals, ' +
        'and not against `NO_COLOR`.',
    ),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.values(exitCodes).map(({ code: number, meaning }) => [String(number), meaning]),
    ),
    '## Options that many commands have',
    ...shared.flatMap((group) => [
      `### ${group.replace(':', '')}`,
      optionTable(sharedOptions(commands, group)),
    ]),
    ...sections(program),
  ]);
}

/** The commands under the headings of the program’s own help. */
function sections(program: Command): readonly string[] {
  const headings = [...new Set(program.commands.map((command) => command.helpGroup()))];
  return headings.flatMap((heading) => [
    `## ${heading.replace(':', '')}`,
    ...program.commands
      .filter((command) => command.helpGroup() === heading)
      .flatMap((command) => describe(command)),
  ]);
}

function describe(command: Command): readonly string[] {
  const name = nameOf(command);
  if (command.commands.length > 0)
    return [
      `### ${name}`,
      prose(command.description()),
      ...command.commands.flatMap((child) => describe(child)),
    ];
  const own = command.options.filter(({ helpGroupHeading }) => !isShared(helpGroupHeading));
  const groups = new Set(command.options.map(({ helpGroupHeading }) => helpGroupHeading).filter(isShared));
  const depth = command.parent?.parent ? '####' : '###';
  return [
    `${depth} ${name}`,
    prose(command.description()),
    shell(examplesOf(command).map((line) => `a2a-broker ${line.replaceAll('\n', '\n    ')}`)),
    ...argumentsOf(command),
    ...(own.length === 0 ? [] : [optionTable(own)]),
    `Also: ${[...groups].map((group) => link(group)).join(', ')}.`,
  ];
}

function argumentsOf(command: Command): readonly string[] {
  if (command.registeredArguments.length === 0) return [];
  return [
    table(
      ['argument', 'meaning'],
      command.registeredArguments.map((argument) => [code(argumentTerm(argument)), argument.description]),
    ),
  ];
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['option', 'meaning'],
    options.map((option) => [code(option.flags), meaningOf(option)]),
  );
}

function meaningOf({ description, mandatory, argChoices, defaultValue }: Option): string {
  return [
    description,
    ...(argChoices === undefined ? [] : [`one of ${argChoices.map((choice) => code(choice)).join(', ')}`]),
    ...(typeof defaultValue === 'string' ? [`default ${code(defaultValue)}`] : []),
    ...(mandatory ? ['**required**'] : []),
  ].join('; ');
}

/** Each of a group’s options once, wherever it is. */
function sharedOptions(commands: readonly Command[], group: string): readonly Option[] {
  const options = commands.flatMap((command) =>
    command.options.filter((option) => option.helpGroupHeading === group),
  );
  return [...new Map(options.map((option) => [option.flags, option])).values()];
}

function isShared(group: string | undefined): group is string {
  return shared.some((known) => known === group);
}

function link(group: string): string {
  const title = group.replace(':', '');
  return `[${title.toLowerCase()}](#${title.toLowerCase().replaceAll(' ', '-')})`;
}

function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap((child) => leavesOf(child));
}

function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}
