import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Hop {
  readonly agent: string;
  readonly tenant: string;
  readonly sub: string;
  readonly actDepth: number;
  readonly txn: string;
  readonly actors: readonly { readonly issuer: string; readonly subject: string }[];
}

export interface ExampleProcess<Ready> {
  readonly ready: Ready;
  /** The calls that it handled so far. */
  readonly hops: readonly Hop[];
  /** SIGTERM. Answers the exit code. */
  stop(): Promise<number | null>;
}

/** An example as its README starts it; resolves with its ready line. */
export async function startExample<Ready>(
  file: string,
  args: readonly string[],
): Promise<ExampleProcess<Ready>> {
  const { child, lines, ended, errors } = run(file, args);
  const hops: Hop[] = [];
  const ready = new Promise<Ready>((resolve) => {
    lines.on('line', (line) => {
      const written = JSON.parse(line) as {
        readonly ready?: Ready;
        readonly hop?: Hop;
        readonly actors?: Hop['actors'];
      };
      if (written.ready !== undefined) resolve(written.ready);
      if (written.hop !== undefined) hops.push({ ...written.hop, actors: written.actors ?? [] });
    });
  });
  const failed = ended.then((code) => {
    throw new Error(`${file} ended with ${code} before it was ready: ${errors()}`);
  });
  return {
    ready: await Promise.race([ready, failed]),
    hops,
    stop: () => {
      failed.catch(() => undefined);
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** A program that ends by itself. */
export async function runExample(
  file: string,
  args: readonly string[],
): Promise<{
  readonly code: number | null;
  readonly line: Record<string, unknown>;
  readonly errors: string;
}> {
  const { lines, ended, errors } = run(file, args);
  const output: string[] = [];
  for await (const line of lines) output.push(line);
  const code = await ended;
  return { code, line: JSON.parse(output.at(-1) ?? '{}') as Record<string, unknown>, errors: errors() };
}

/** A test that fails half-way must leave nothing running. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function run(file: string, args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', `examples/${file}`, ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return { child, lines: createInterface(child.stdout), ended, errors: () => errors };
}
