import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { brokerProgram } from './program.ts';

export const operatorToken = 'operator-token-of-a-test-broker';

export interface BrokerProcess {
  readonly url: string;
  readonly pid: number;
  /** Everything that it wrote so far, for a failing test to show. */
  output(): string;
  /** SIGTERM, and waits for the end. Answers the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no chance to finish anything. */
  kill(): Promise<void>;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** The broker as its users start it: a process of its own on an embedded store. */
export async function startBroker(options: {
  readonly directory: string;
  /** Fixed when a later start has to be the same issuer. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node before the command. */
  readonly program?: readonly string[];
}): Promise<BrokerProcess> {
  const url = `http://127.0.0.1:${options.port}`;
  const child = spawn(process.execPath, [...(options.program ?? brokerProgram()), 'serve'], {
    env: {
      PATH: process.env['PATH'],
      BROKER_URL: url,
      PORT: String(options.port),
      BROKER_DATA_DIR: options.directory,
      BROKER_OPERATOR_TOKEN: operatorToken,
      BROKER_ALLOW_PRIVATE_NETWORK: 'true',
      LOG_LEVEL: 'warn',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = endOf(child);
  await ready(url, child, () => output);
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.on('exit', (code) => resolve(code));
  });
}

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`the broker ended before it was ready: ${output()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await delay(50);
  }
  child.kill('SIGKILL');
  throw new Error(`the broker was not ready in time: ${output()}`);
}
