import type { Readable } from 'node:stream';
import type { Config } from '../config/index.ts';
import type { Log } from '../telemetry/log.ts';

export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** As much of a broker as a command needs to run one; `main.ts` makes it. */
export interface RunnableBroker {
  readonly madeOperatorToken: string | undefined;
  listen(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

/** Parts that a command brings itself. */
export interface BrokerParts {
  /** Default: to standard output. */
  readonly log?: Log;
}

/** What a command may touch of the process that it runs in. */
export interface CliIo {
  readonly createBroker: (config: Config, parts?: BrokerParts) => Promise<RunnableBroker>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Default: the process's own. */
  readonly stdin?: Readable;
}
