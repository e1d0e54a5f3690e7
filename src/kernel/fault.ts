/**
 * Codes that any room may answer with. A room adds its own closed union in its `errors.ts`; every surface has a
 * table over all of them, so that a code without an answer does not compile.
 */
export type CommonErrorCode =
  | 'invalid_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'precondition_failed'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'idempotency_key_reused'
  | 'unavailable';

/** One wrong field of a request: `path` is a JSON Pointer (RFC 6901) into the body, or a parameter's name. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface FaultOptions {
  /** For the log only: never sent to a caller. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** What the caller may wait before trying again, in seconds (`Retry-After`). */
  readonly retryAfterSeconds?: number;
  readonly fields?: readonly FieldError[];
}

/**
 * A refusal or failure that we foresaw. `message` is public: it is sent to the caller as written and must not
 * tell whether something of another tenant exists. Anything else that is thrown is our bug, and answers 500.
 */
export class Fault<C extends string = string> extends Error {
  override readonly name = 'Fault';
  readonly code: C;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly fields: readonly FieldError[] | undefined;

  constructor(code: C, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.fields = options.fields;
  }
}
