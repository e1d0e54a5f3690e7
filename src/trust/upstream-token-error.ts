import type { JsonObject } from '../kernel/json.ts';

/** Why the agent cannot be called with a token of its provider's own authorization server; also the reason that the gateway answers. */
export type UpstreamTokenProblem = 'UPSTREAM_REFUSED' | 'UPSTREAM_UNREACHABLE' | 'UPSTREAM_TIMEOUT';

/** `detail` is for the log and the audit only. */
export class UpstreamTokenError extends Error {
  override readonly name = 'UpstreamTokenError';
  readonly reason: UpstreamTokenProblem;
  readonly detail: JsonObject;

  constructor(reason: UpstreamTokenProblem, detail: JsonObject, cause?: unknown) {
    super(`no token from the authorization server: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.detail = detail;
  }
}
