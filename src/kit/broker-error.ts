/** Codes of RFC 6749 §5.2, RFC 8693 §2.2.2 RFC 8707 §2 and RFC 9449 §5 that the broker answers with. */
const oauthCodes = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_target',
  'invalid_scope',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'temporarily_unavailable',
] as const;

export type BrokerErrorCode =
  | (typeof oauthCodes)[number]
  /** No answer: refused connection, reset, timeout, TLS. */
  | 'unreachable'
  /** The answer is not what the specification says: probably not the broker. */
  | 'answer_invalid';

/** Why the broker gave no token. `message` says what to look at. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: BrokerErrorCode;
  /** HTTP status, when there was an answer. */
  readonly status: number | undefined;
  /** How long the broker asks to wait. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: BrokerErrorCode,
    message: string,
    facts: {
      readonly status?: number;
      readonly retryAfterSeconds?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.status = facts.status;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get isTransient(): boolean {
    return this.code === 'unreachable' || this.code === 'temporarily_unavailable';
  }
}

const hints: Partial<Record<BrokerErrorCode, string>> = {
  invalid_client:
    'Check the client id, that the registered key set holds the public half of this private key, and this machine’s clock.',
  unauthorized_client: 'The client is not registered for this grant type.',
  invalid_target:
    'Check the agent’s id, that it is published, that the tenant is subscribed to it, and that there is an agreement between the two providers.',
  invalid_dpop_proof:
    'Give the client a DPoP key, and check this machine’s clock and that the broker is called by its own address.',
  invalid_scope:
    'None of the scopes asked for is allowed by the subscription, agreement, client and agent together.',
};

/** From an error answer of the token endpoint (RFC 6749 §5.2). */
export function refusalOf(status: number, body: unknown, retryAfterSeconds: number | undefined): BrokerError {
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const known = oauthCodes.find((code) => code === fields['error']);
  const code = known ?? (status === 429 || status >= 500 ? 'temporarily_unavailable' : 'answer_invalid');
  const description =
    typeof fields['error_description'] === 'string'
      ? fields['error_description'].slice(0, 500)
      : `The broker answered ${status}.`;
  const hint = hints[code];
  return new BrokerError(code, hint === undefined ? description : `${description} ${hint}`, {
    status,
    retryAfterSeconds,
  });
}
