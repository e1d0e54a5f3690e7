import { A2A_ERROR_CODE, ERROR_INFO_TYPE } from '@a2a-js/sdk/errors';
import type { JsonObject, JsonValue } from '../kernel/json.ts';

interface RefusalKind {
  /** JSON-RPC `error.code`. */
  readonly code: number;
  /** Of the HTTP answer. Errors that A2A agents themselves answer keep JSON-RPC's 200, so that ours can't be told apart. */
  readonly status: number;
  readonly message: string;
}

/**
 * Every failure of ours: `reason` is in `error.data[].reason` (google.rpc.ErrorInfo), with the broker's host as domain, or
 * A2A's own domain where the reason is A2A's. The README of this room shows the same table.
 */
export const refusalKinds = {
  PARSE_ERROR: { code: A2A_ERROR_CODE.PARSE_ERROR, status: 400, message: 'The body is not valid JSON.' },
  INVALID_REQUEST: {
    code: A2A_ERROR_CODE.INVALID_REQUEST,
    status: 400,
    message: 'The body is not a JSON-RPC 2.0 request.',
  },
  METHOD_NOT_FOUND: {
    code: A2A_ERROR_CODE.METHOD_NOT_FOUND,
    status: 200,
    message: 'There is no such method here.',
  },
  INVALID_PARAMS: {
    code: A2A_ERROR_CODE.INVALID_PARAMS,
    status: 200,
    message: 'The parameters are not valid.',
  },
  CONTENT_TYPE_NOT_SUPPORTED: {
    code: A2A_ERROR_CODE.CONTENT_TYPE_NOT_SUPPORTED,
    status: 415,
    message: 'Send JSON in UTF-8 with a Content-Type of application/json.',
  },
  PAYLOAD_TOO_LARGE: { code: -32060, status: 413, message: 'The request is too large.' },
  VERSION_NOT_SUPPORTED: {
    code: A2A_ERROR_CODE.VERSION_NOT_SUPPORTED,
    status: 200,
    message: 'This agent is offered in A2A 1.0: send the header A2A-Version: 1.0.',
  },
  PUSH_NOTIFICATION_NOT_SUPPORTED: {
    code: A2A_ERROR_CODE.PUSH_NOTIFICATION_NOT_SUPPORTED,
    status: 200,
    message: 'Push notifications are not relayed.',
  },
  UNSUPPORTED_OPERATION: {
    code: A2A_ERROR_CODE.UNSUPPORTED_OPERATION,
    status: 200,
    message: 'This operation is not relayed.',
  },
  TASK_NOT_FOUND: { code: A2A_ERROR_CODE.TASK_NOT_FOUND, status: 200, message: 'Task not found' },
  UNAUTHENTICATED: {
    code: -32061,
    status: 401,
    message: 'A valid access token for this agent is needed.',
  },
  INSUFFICIENT_SCOPE: {
    code: -32062,
    status: 403,
    message: 'The token does not have the scope that this method needs.',
  },
  TENANT_CONTEXT_INVALID: { code: -32050, status: 403, message: 'The tenant context is no longer in force.' },
  NOT_SUBSCRIBED: {
    code: -32051,
    status: 403,
    message: 'The tenant has no live subscription to an agent of this chain.',
  },
  AGREEMENT_REVOKED: {
    code: -32052,
    status: 403,
    message: 'An agreement that this call rests on is no longer in force.',
  },
  RESIDENCY_UNSATISFIABLE: {
    code: -32053,
    status: 403,
    message: 'The agent has no deployment in the regions to which the tenant is limited.',
  },
  AGENT_UNAVAILABLE: { code: -32054, status: 503, message: 'The agent cannot take calls now.' },
  UPSTREAM_UNREACHABLE: { code: -32055, status: 502, message: 'The agent could not be reached.' },
  UPSTREAM_TIMEOUT: { code: -32056, status: 504, message: 'The agent did not answer in time.' },
  UPSTREAM_REFUSED: {
    code: -32057,
    status: 502,
    message: 'The agent did not accept the broker’s credential. This is for its provider and us to mend.',
  },
  INVALID_AGENT_RESPONSE: {
    code: A2A_ERROR_CODE.INVALID_AGENT_RESPONSE,
    status: 502,
    message: 'The agent’s answer is not valid.',
  },
  BROKER_UNAVAILABLE: { code: -32058, status: 503, message: 'The broker cannot take this call now.' },
  INTERNAL: {
    code: A2A_ERROR_CODE.INTERNAL_ERROR,
    status: 500,
    message: 'Something went wrong on our side.',
  },
} as const satisfies Record<string, RefusalKind>;

export type RefusalReason = keyof typeof refusalKinds;

/** Reasons that A2A itself defines carry its domain (§10.6), also because ours must not be told apart from an agent's. */
const a2aReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'TASK_NOT_FOUND',
  'PUSH_NOTIFICATION_NOT_SUPPORTED',
  'UNSUPPORTED_OPERATION',
  'CONTENT_TYPE_NOT_SUPPORTED',
  'INVALID_AGENT_RESPONSE',
  'VERSION_NOT_SUPPORTED',
]);
const a2aDomain = 'a2a-protocol.org';

/** A call that ends here. `message` is public. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  /** For the log and the audit only. */
  readonly detail: JsonObject;

  constructor(
    reason: RefusalReason,
    options: { readonly message?: string; readonly detail?: JsonObject; readonly cause?: unknown } = {},
  ) {
    super(options.message ?? refusalKinds[reason].message, { cause: options.cause });
    this.reason = reason;
    this.detail = options.detail ?? {};
  }
}

/** The JSON-RPC error answer to a request with this id (A2A v1.0 §9.5, §10.6). */
export function errorAnswer(refusal: Refusal, id: JsonValue, domain: string): JsonObject {
  const { code } = refusalKinds[refusal.reason];
  return {
    jsonrpc: '2.0',
    id,
    error: {
      code,
      message: refusal.message,
      data: [
        {
          '@type': ERROR_INFO_TYPE,
          reason: refusal.reason,
          domain: a2aReasons.has(refusal.reason) ? a2aDomain : domain,
        },
      ],
    },
  };
}
