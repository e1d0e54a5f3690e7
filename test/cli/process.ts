import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { brokerProgram } from '../support/program.ts';

/** The command as its users run it: a process of its own. */
export interface CliProcess {
  readonly child: ChildProcess;
  /** Lines of standard output, as they come. */
  readonly lines: Interface;
  /** Everything on standard error so far. */
  err(): string;
  /** Resolves once standard error matches. */
  errMatches(pattern: RegExp): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A test that fails half-way must leave nothing running. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function spawnCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): CliProcess {
  const child = spawn(process.execPath, [...brokerProgram(), ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let err = '';
  const waiting = new Set<() => void>();
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    for (const look of waiting) look();
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    child,
    lines: createInterface(child.stdout),
    err: () => err,
    errMatches: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(err)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without ${pattern}: ${err}`)));
      }),
    ended,
  };
}
