import { join, relative, sep } from 'node:path';
import { configSchema } from '../../config/index.ts';
import { defaultBroker } from '../connection.ts';
import type { Colors } from '../output.ts';
import { logPath } from './broker.ts';
import { packageRoot } from './examples.ts';
import { cells, section } from './layout.ts';
import { acme, companies } from './parties.ts';
import type { Story } from './story.ts';
import { appArguments } from './start-programs.ts';

type Told = Pick<Story, 'place' | 'programs' | 'asked' | 'books'>;

/** From where the commands that are printed will be run. */
export interface Shell {
  readonly cwd: string;
  /** The file that this very program was started with. */
  readonly script: string;
  /** For `node --import`: what runs TypeScript. */
  readonly loader: string;
}

/** What to try while everything is up. */
export function printAddresses(told: Told, shell: Shell, colors: Colors): string {
  const { place, asked, books } = told;
  const { cwd } = shell;
  const brokerUrl = place.brokerUrl;
  const row = (name: string, value: string) => `${cells(name, 18)}${value}`;
  return [
    section(
      'Everything is up until Ctrl-C',
      [
        row('API reference', colors.cyan(`${brokerUrl}/docs`)),
        row('OpenAPI', colors.cyan(`${brokerUrl}/openapi.json`)),
        ...companies.map(({ agent }, index) =>
          row(
            index === 0 ? 'brokered cards' : '',
            colors.cyan(`${brokerUrl}/a2a/${agent}/.well-known/agent-card.json`),
          ),
        ),
        row('broker’s log', shortPath(logPath(place), cwd)),
        row('data', `${shortPath(place.directory, cwd)}, where the next start finds it`),
      ],
      colors,
    ),
    section(
      'Ask again, in another terminal',
      askAgain(told, shell).map((line) => colors.cyan(line)),
      colors,
    ),
    section(
      'Look around as the operator',
      [
        ...operatorShell(told, shell),
        'a2a-broker agents search',
        `a2a-broker usage show --tenant ${acme.id} --group-by agent,kind,meter`,
        `a2a-broker billing invoice ${books.invoice.id}`,
        `a2a-broker billing draft ${acme.id}`,
        `a2a-broker audit list --txn ${asked.hops[0]?.hop.txn ?? ''}`,
      ].map((line) => colors.cyan(line)),
      colors,
    ),
    '',
    '',
  ].join('\n');
}

/** The tenant's app, as the demo itself ran it. */
function askAgain({ place, programs, asked }: Told, shell: Shell): readonly string[] {
  const { cwd } = shell;
  const issuer = programs.tenants.find(({ id }) => id === acme.id)?.ready.issuer ?? '';
  const [broker = '', url = '', state = '', directory = '', ...rest] = appArguments(place, acme.id, issuer);
  return [
    `${nodeWithLoader(shell)} ${quote(shortPath(join(packageRoot, 'examples/tenant/ask.ts'), cwd))} \\`,
    `  ${broker} ${url} ${state} ${quote(shortPath(directory, cwd))} \\`,
    `  ${rest.join(' ')} --user ${acme.user} --password ${acme.password} \\`,
    `  --text ${quote(asked.text)}`,
  ];
}

/** Which broker is meant, as whom, and what `a2a-broker` is here. */
function operatorShell({ place }: Told, shell: Shell): readonly string[] {
  const { cwd, script } = shell;
  const dataDir = shortPath(place.directory, cwd);
  const isDefaultDir = dataDir === join(configSchema.shape.BROKER_DATA_DIR.parse(undefined));
  const settings = [
    ...(place.brokerUrl === defaultBroker ? [] : [`BROKER_URL=${place.brokerUrl}`]),
    // There is the operator's token, in operator.token.
    ...(isDefaultDir ? [] : [`BROKER_DATA_DIR=${quote(dataDir)}`]),
  ];
  const node = script.endsWith('.ts') ? nodeWithLoader(shell) : 'node';
  return [
    ...(settings.length === 0 ? [] : [`export ${settings.join(' ')}`]),
    `alias a2a-broker="${node} ${quote(shortPath(script, cwd))}"`,
  ];
}

function shortPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' ? '.' : short.startsWith(`..${sep}`) || short === '..' ? path : short;
}

/** Inside the clone the loader's name is enough. */
function nodeWithLoader({ cwd, loader }: Shell): string {
  return `node --import ${relative(packageRoot, cwd).startsWith('..') ? quote(loader) : 'tsx'}`;
}

/** For a shell. */
function quote(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
