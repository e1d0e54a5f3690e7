import { type Variable, variables } from '../../src/config/variables.ts';
import { code, notice, page, prose, shell, table } from './markdown.ts';

/** `docs/configuration.md`, from the schema that the broker reads its environment with. */
export function configurationPage(): string {
  return page([
    '# Configuration',
    notice,
    prose(
      'The broker is configured by environment variables, which it reads once, at its start. An empty variable counts as unset. A ' +
        'value that is not valid stops the start with one sentence that names the variable, and exit code 78. `a2a-broker doctor` ' +
        'shows what takes effect, and whether a broker can run with it.',
    ),
    table(
      ['variable', 'default', 'required when'],
      variables.map((variable) => [
        `[${code(variable.name)}](#${variable.name.toLowerCase()})`,
        variable.default === undefined ? '' : code(variable.default),
        variable.requiredWhen ?? '',
      ]),
    ),
    ...variables.flatMap((variable) => [`## ${variable.name}`, describe(variable)]),
    '## On loopback and elsewhere',
    prose(
      'While the host of `BROKER_URL` is `localhost`, `127.0.0.1` or `[::1]`, the broker makes its own secrets: it is for development, and ' +
        'needs no variable at all. Everywhere else `BROKER_URL` must be https, and both secrets must be set:',
    ),
    shell([
      'export BROKER_URL=https://broker.example.com',
      'a2a-broker init',
      'export BROKER_MASTER_KEY="$(cat data/master.key)"   # then move the file to your secret store',
      'export BROKER_OPERATOR_TOKEN="$(cat data/operator.token)"',
      'a2a-broker doctor && a2a-broker serve',
    ]),
    'Keep a copy of the master key apart from the data: without it nobody can use the data, with both anybody can.',
  ]);
}

function describe({ meaning, choices, secret }: Variable): string {
  const sentences = [
    meaning,
    ...(choices === undefined
      ? []
      : [`${choices.length > 1 ? 'One of' : 'Always'} ${choices.map((choice) => code(choice)).join(', ')}.`]),
    ...(secret ? ['Secret: never logged and never shown.'] : []),
  ];
  return prose(sentences.join(' '));
}
