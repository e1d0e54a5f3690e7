import type { Failure } from '../failure.ts';

/** What one check found. `warn` works but wants a look; `fail` does not work, or will not. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do, a line each; absent when all is well. */
  readonly advice?: readonly string[];
}

export function ok(name: string, message: string): Check {
  return { name, status: 'ok', message };
}

export function warn(name: string, message: string, ...advice: readonly string[]): Check {
  return { name, status: 'warn', message, advice };
}

export function fail(name: string, message: string, ...advice: readonly string[]): Check {
  return { name, status: 'fail', message, advice };
}

/** What would stop `serve` stops here as a finding. */
export function failOf(name: string, { message, hints }: Failure): Check {
  return fail(name, message, ...hints);
}
