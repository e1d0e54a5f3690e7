import { describe, expect, it } from 'vitest';
import { examplesOf } from '../../src/cli/examples.ts';
import { createProgram } from '../../src/cli/index.ts';
import { commandsOf, leavesOf, nameOf, words } from './commands.ts';
import { Capture, cli, ioOf } from './run.ts';

const fresh = () => createProgram(ioOf(new Capture(), new Capture()));
const program = fresh();
const commands = commandsOf(program).map((command) => [nameOf(command), command] as const);
const leaves = leavesOf(program).map((command) => [nameOf(command), command] as const);
const groups = commands.filter(([, command]) => command.parent !== null && command.commands.length > 0);
const examples = leaves.flatMap(([name, command]) =>
  examplesOf(command).map((line) => [name, line] as const),
);

it('there are commands, groups and examples to look at', () => {
  expect(leaves.length).toBeGreaterThan(50);
  expect(groups.length).toBeGreaterThan(10);
  expect(examples.length).toBeGreaterThan(60);
});

describe.each(commands)('%s', (_, command) => {
  it('says what it does, in a sentence', () => {
    expect(command.description()).toMatch(/^[A-Z].*[.]$/s);
  });

  it('says what each argument and option is', () => {
    const silent = [
      ...command.registeredArguments.filter(({ description }) => !description).map((own) => own.name()),
      ...command.options.filter(({ description }) => !description).map(({ flags }) => flags),
    ];
    expect(silent).toEqual([]);
  });

  it('names no two options alike', () => {
    const names = command.options.map(({ long }) => long);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe.each(leaves.filter(([name]) => name !== 'help'))('%s', (name, command) => {
  it('can print JSON, and has an example', () => {
    expect(command.options.map(({ long }) => long)).toContain('--json');
    expect(examplesOf(command)).not.toEqual([]);
  });

  it('shows its help when asked, in either way', async () => {
    const byOption = await cli([...name.split(' '), '--help']);
    expect(byOption).toMatchObject({ code: 0, err: '' });
    expect(byOption.out).toContain(`Usage: a2a-broker ${name} `);
    for (const { flags } of command.options) expect(byOption.out).toContain(flags);
    for (const line of examplesOf(command))
      expect(byOption.out).toContain(`$ a2a-broker ${line.split('\n')[0]}`);
    expect(await cli(['help', ...name.split(' ')])).toEqual(byOption);
  });
});

describe('each example is a command line of that command', () => {
  it.each(examples)('%s: %s', async (name, line) => {
    const ran: string[] = [];
    const own = fresh();
    for (const command of leavesOf(own)) command.action(() => void ran.push(nameOf(command)));
    await own.parseAsync(['node', 'a2a-broker', ...words(line)]);
    // An example may show what comes next, too: a token that is used.
    const first = name.split(' ')[0] ?? '';
    expect(ran).toEqual([line.startsWith(first) ? name : 'usage show']);
  });
});

describe.each(groups)('the group %s', (name) => {
  const path = name.split(' ');

  it('shows its commands on standard output when asked', async () => {
    const { code, out, err } = await cli([...path, '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Usage: a2a-broker ${name} <command>\n`));
    expect(await cli(['help', ...path])).toEqual({ code, out, err });
  });

  it('alone is a wrong command line: the same on standard error, and 2', async () => {
    const { out } = await cli([...path, '--help']);
    expect(await cli(path)).toEqual({ code: 2, out: '', err: out });
  });
});

describe('the program', () => {
  it('shows every command and exit code, on standard error and with 2 when nothing was asked', async () => {
    const { code, out, err } = await cli(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of program.commands) expect(out).toMatch(new RegExp(`^  ${command.name()} `, 'm'));
    expect(out).toMatch(/^ {2}78 +the configuration must be changed/m);
    expect(await cli(['help'])).toEqual({ code, out, err });
    expect(await cli([])).toEqual({ code: 2, out: '', err: out });
  });

  it('tells a program what is missing as JSON', async () => {
    const { code, out, err } = await cli(['--json']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(JSON.parse(err)).toMatchObject({ error: { reason: 'usage', exitCode: 2 } });
  });

  it('has a version', async () => {
    expect(await cli(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });

  it('fits the terminal, and is not wider than people read', async () => {
    const { out } = await cli(['agents', 'register', '--help'], { tty: true });
    const text = out.slice(0, out.indexOf('Examples:'));
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80 + 8);
  });
});
