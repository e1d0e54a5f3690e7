import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import { runCli } from '../../src/cli/index.ts';
import type { CliIo, OutputStream } from '../../src/cli/io.ts';
import type { Operator } from '../support/market.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Setting {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** Both outputs as a terminal of 80 columns. */
  readonly tty?: boolean;
  /** For `serve`; without it none starts. */
  readonly createBroker?: CliIo['createBroker'];
}

/** What a command line does, in this process, with everything that it writes. Knows no data directory unless it is told one. */
export async function cli(args: readonly string[], setting: Setting = {}): Promise<Outcome> {
  const out = new Capture(setting.tty === true);
  const err = new Capture(setting.tty === true);
  const code = await runCli(['node', 'a2a-broker', ...args], ioOf(out, err, setting));
  return { code, out: out.text, err: err.text };
}

/** The same as the operator of a broker. */
export function operatorCli(broker: Operator) {
  return (args: readonly string[], { env = {}, ...setting }: Setting = {}): Promise<Outcome> =>
    cli(args, {
      ...setting,
      env: { BROKER_URL: broker.url, BROKER_OPERATOR_TOKEN: broker.token, ...env },
    });
}

/** For tests that look at the commands themselves. */
export function ioOf(
  stdout: OutputStream,
  stderr: OutputStream,
  { env = {}, stdin = '', createBroker = noBroker }: Setting = {},
): CliIo {
  return {
    createBroker,
    env: { BROKER_DATA_DIR: join(tmpdir(), 'there-is-no-such-data-directory'), ...env },
    stdout,
    stderr,
    stdin: Readable.from([Buffer.from(stdin)]),
  };
}

function noBroker(): Promise<never> {
  return Promise.reject(new Error('this test starts no broker'));
}

export class Capture extends Writable {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = '';

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}
