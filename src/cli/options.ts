import { type Command, InvalidArgumentError } from 'commander';
import { type ConnectionOptions, defaultBroker } from './connection.ts';
import { optionGroups } from './help.ts';

export interface PagingOptions extends ConnectionOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

export interface BodyOptions extends ConnectionOptions {
  readonly file?: string;
}

export function withJson(command: Command): Command {
  return grouped(command, optionGroups.general, (own) =>
    own.option('--json', 'print JSON, errors too (on stderr)'),
  );
}

/** For commands that call a broker as nobody, or as somebody of their own. */
export function withBroker(command: Command): Command {
  return withJson(
    grouped(command, optionGroups.connection, (own) =>
      own.option('--broker <url>', `the broker’s address (default: BROKER_URL, else ${defaultBroker})`),
    ),
  );
}

/** For commands that call the management API. */
export function withConnection(command: Command): Command {
  return grouped(withBroker(command), optionGroups.connection, (own) =>
    own
      .option(
        '--token-file <path>',
        'file with the bearer token, - for stdin (default: BROKER_OPERATOR_TOKEN, else operator.token in BROKER_DATA_DIR)',
      )
      .option('--dpop <path>', 'file with the private key (JWK) to which that token is bound'),
  );
}

export function withPaging(command: Command): Command {
  return grouped(withConnection(command), optionGroups.paging, (own) =>
    own
      .option('--limit <count>', 'items on a page (1 to 200; default 50)', integer)
      .option('--cursor <cursor>', 'where the page before ended')
      .option('--all', 'every page, to the end'),
  );
}

export function withBody(command: Command): Command {
  return grouped(withConnection(command), optionGroups.file, (own) =>
    own.option('--file <path>', 'the whole request as JSON, - for stdin; other options override its members'),
  );
}

/** Options under a heading of the help; those that are added afterwards are the command’s own again. */
function grouped(command: Command, heading: string, add: (command: Command) => Command): Command {
  return add(command.optionsGroup(heading)).optionsGroup('');
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

/** Provider and agent, as two segments of a path. */
export type AgentId = readonly [string, string];

export function agentArgument(text: string): AgentId {
  const [provider, agent, ...rest] = text.split('/');
  if (!provider || !agent || rest.length > 0)
    throw new InvalidArgumentError('An agent is named provider/agent, such as skyways/flights.');
  return [provider, agent];
}
