import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { brokerProgram } from '../support/program.ts';

export interface DemoProcess {
  readonly pid: number;
  /** Everything on standard output so far, and on standard error. */
  output(): string;
  errors(): string;
  /** Resolves when standard output has it; throws when the demo ends before. */
  printed(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code; `null` when a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** A test that fails half-way must leave nothing running; its companies end with it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** `a2a-broker demo` as its users start it: a process, with an environment of its own. */
export function startDemo(args: readonly string[], env: Readonly<Record<string, string>>): DemoProcess {
  const child = spawn(process.execPath, [...brokerProgram(), 'demo', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  let errors = '';
  let isOver = false;
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of watchers) watcher();
  };
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    tell();
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      isOver = true;
      tell();
      resolve(code);
    });
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    errors: () => errors,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (output.includes(text)) resolve();
          else if (isOver) reject(new Error(`the demo ended without “${text}”: ${output}${errors}`));
        };
        watchers.add(look);
        look();
      }),
    signal: (signal) => void child.kill(signal),
    ended,
  };
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** All processes of this machine with a text in their command line: each company is told its directory there. */
export function processesWith(text: string): readonly RunningProcess[] {
  return (existsSync('/proc/self/cmdline') ? fromProc() : fromPs()).filter(({ command }) =>
    command.includes(text),
  );
}

/** Small images have no `ps`. */
function fromProc(): readonly RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(pid), command }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function fromPs(): readonly RunningProcess[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.map((line) => {
    const [, pid = '0', command = ''] = /^ *(\d+) (.*)$/.exec(line) ?? [];
    return { pid: Number(pid), command };
  });
}
