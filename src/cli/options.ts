import { type Command, InvalidArgumentError } from 'commander';
import { type ConnectionOptions, defaultBroker } from './connection.ts';

export interface PagingOptions extends ConnectionOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export interface BodyOptions extends ConnectionOptions {
  readonly file?: string;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, errors too (on stderr)');
}

/** For commands that call a broker as nobody, or as somebody of their own. */
export function withBroker(command: Command): Command {
  return withJson(
    command.option('--broker <url>', `the broker’s address (default: BROKER_URL, else ${defaultBroker})`),
  );
}

/** For commands that call the management API. */
export function withConnection(command: Command): Command {
  return withBroker(command).option(
    '--token-file <path>',
    'file with the bearer token, - for stdin (default: BROKER_OPERATOR_TOKEN, else operator.token in BROKER_DATA_DIR)',
  );
}

export function withPaging(command: Command): Command {
  return withConnection(
    command
      .option('--limit <count>', 'items on a page (1 to 200; default 50)', integer)
      .option('--cursor <cursor>', 'where the page before ended')
      .option('--all', 'every page, to the end'),
  );
}

export function withBody(command: Command): Command {
  return withConnection(
    command.option(
      '--file <path>',
      'the whole request as JSON, - for stdin; other options override its members',
    ),
  );
}

/** An `Examples:` section under the help. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    ['\nExamples:', ...lines.map((line) => `  $ a2a-broker ${line}`)].join('\n'),
  );
}

/** `a,b c` and repeated options: all of it one list. */
export function list(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(/[\s,]+/).filter((item) => item !== '')];
}

export function integer(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number was expected.');
  return Number(text);
}

/** `name=value`, repeated. The name may have `=` escaped by nothing: it ends at the last one, as issuers are URLs. */
export function pairs(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('name=value was expected.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function agentArgument(text: string): readonly [string, string] {
  const [provider, agent, ...rest] = text.split('/');
  if (!provider || !agent || rest.length > 0)
    throw new InvalidArgumentError('An agent is named provider/agent, such as skyways/flights.');
  return [provider, agent];
}
