import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Examples } from './examples.ts';
import { PrintedLines } from './printed-lines.ts';

export interface ProgramSpec {
  /** For people. */
  readonly name: string;
  /** Under examples/. */
  readonly file: string;
  readonly args: readonly string[];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const patienceMs = 60_000;
const graceMs = 5_000;
const keptErrorLines = 12;

/** When we are gone, however that came, the other end of this channel closes: nobody stays behind. */
const endsWithUs =
  'data:text/javascript,' +
  encodeURIComponent("process.once('disconnect', () => process.exit(1)); process.channel?.unref();");

/** A program of another company: a process of its own, of which we know what it prints. */
export class Program {
  readonly name: string;
  /** Resolves when it is gone and all that it printed was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #printed = new PrintedLines();
  readonly #errors: string[] = [];
  #isOver = false;

  constructor({ name, file, args }: ProgramSpec, { root, loader, env }: Examples) {
    this.name = name;
    const path = join(root, 'examples', file);
    this.#child = spawn(process.execPath, ['--import', loader, '--import', endsWithUs, path, ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C in a terminal goes to a whole process group; these are stopped by us, in order.
      detached: true,
      windowsHide: true,
    });
    eachLine(this.#child.stdout, (line) => this.#printed.take(line));
    eachLine(this.#child.stderr, (line) => this.#takeError(line));
    this.ended = this.#watchEnd();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Every line of this form so far. */
  lines<T>(schema: z.ZodType<T>): readonly T[] {
    return this.#printed.of(schema);
  }

  /** So many lines of this form, as soon as they are there. Throws `failed` when it ends or takes too long. */
  async waitFor<T>(schema: z.ZodType<T>, count: number, what: string): Promise<readonly T[]> {
    const lines = await this.#printed.waitFor(schema, count, patienceMs);
    if (lines.length >= count) return lines;
    if (this.#isOver) throw this.endedEarly(await this.ended);
    throw new Failure('failed', `${this.name} did not print ${what} within ${patienceMs / 1000} s.`, {
      hints: this.#lastWords(),
    });
  }

  /** One sentence, and its own last words. */
  endedEarly({ code, signal }: Ended): Failure {
    const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`;
    return new Failure('failed', `${this.name} ended ${how}, although it was needed.`, {
      hints: this.#lastWords(),
    });
  }

  /** SIGTERM, and SIGKILL when that is not heard. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #watchEnd(): Promise<Ended> {
    return new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#isOver = true;
        this.#printed.end();
        resolve({ code, signal });
      };
      this.#child.once('close', end);
      this.#child.once('error', (error) => {
        this.#takeError(error.message);
        // It never began, so it has no end either.
        if (this.#child.pid === undefined) end(null, null);
      });
    });
  }

  #takeError(line: string): void {
    this.#errors.push(line);
    if (this.#errors.length > keptErrorLines) this.#errors.shift();
  }

  #lastWords(): readonly string[] {
    return this.#errors.length === 0
      ? ['It wrote nothing to its standard error.']
      : ['The end of its standard error:', ...this.#errors.map((line) => `  ${line}`)];
  }
}

function eachLine(stream: Readable | null, take: (line: string) => void): void {
  if (stream !== null) createInterface(stream).on('line', take);
}
