import { parseArgs } from 'node:util';

export interface Settings {
  readonly broker: string;
  readonly state: string;
  readonly host: string;
  readonly port: number;
}

/** `--broker --state --host --port`, or BROKER_URL, STATE_DIR, HOST, PORT. Ends the process when one is missing. */
export function readSettings(): Settings {
  const { values } = parseArgs({
    options: {
      broker: { type: 'string', default: process.env['BROKER_URL'] ?? 'http://localhost:8080' },
      state: { type: 'string', default: process.env['STATE_DIR'] ?? '' },
      host: { type: 'string', default: process.env['HOST'] ?? '127.0.0.1' },
      port: { type: 'string', default: process.env['PORT'] ?? '0' },
    },
  });
  const port = Number(values.port);
  if (values.state === '') stop('--state DIRECTORY is needed: where the keys are kept.');
  if (!URL.canParse(values.broker)) stop('--broker must be the URL of the broker.');
  if (!Number.isInteger(port) || port < 0 || port > 65_535) stop('--port must be from 0 to 65535.');
  return { broker: values.broker, state: values.state, host: values.host, port };
}

export function stop(message: string): never {
  console.error(message);
  process.exit(2);
}
