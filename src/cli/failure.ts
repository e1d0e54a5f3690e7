import type { JsonValue } from '../kernel/json.ts';

/** What scripts can rely on; `docs/cli.md` is made from it. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed: here, or by an error of the server (5xx)' },
  usage: { code: 2, meaning: 'the command line, or a file that it names, is not right; nothing was sent' },
  refused: { code: 3, meaning: 'the server refused (4xx): the message says why' },
  unreachable: { code: 4, meaning: 'there was no answer from the broker' },
  configuration: {
    code: 78,
    meaning: 'the configuration must be changed before a start can work (EX_CONFIG of sysexits.h)',
  },
} as const;

export type ExitReason = keyof typeof exitCodes;

export interface FailureFacts {
  /** What to look at or do next; one line each. */
  readonly hints?: readonly string[];
  /** The server's own words, for `--json`. */
  readonly problem?: JsonValue;
  readonly cause?: unknown;
}

/** A command's end that we foresaw: one sentence for people, an exit code for scripts. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly reason: ExitReason;
  readonly hints: readonly string[];
  readonly problem: JsonValue | undefined;

  constructor(reason: ExitReason, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.reason = reason;
    this.hints = facts.hints ?? [];
    this.problem = facts.problem;
  }
}

/** `ENOENT` and the like, or `undefined` when it is no error of the system. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const systemWords: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such file',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'there is a file in its place',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** Why the system refused, in words. */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  return (
    systemWords[code ?? ''] ??
    code ??
    (error instanceof Error ? error.message : 'for a reason that is not known')
  );
}
