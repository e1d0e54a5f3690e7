/**
 * The only way out of the process. Every request to an address that somebody else gave us goes through here, so that
 * no caller can make the broker reach a network that is not theirs (SSRF).
 */
export interface Outbound {
  /**
   * One small document: a card, a key set, an issuer's metadata. No redirects, no cookies, no credentials.
   * Throws {@link OutboundError}.
   */
  fetch(request: OutboundRequest): Promise<OutboundResponse>;

  /**
   * An undici dispatcher that connects to `origin` under the same address rules, with pooled connections, for the relay's
   * hot path. Throws {@link OutboundError} `address_refused` or `bad_url` at once when the URL itself is not allowed; an
   * address that resolves to a refused one fails the connection.
   */
  pool(origin: string): import('undici').Dispatcher;

  /**
   * The TXT records of a name, each joined from its parts (RFC 7208 §3.3); none when there are none, or no such name. At most
   * {@link maxTxtRecords}, each of at most {@link maxTxtLength} characters: more or longer ones are left out. Throws
   * {@link OutboundError} `timeout` or `unreachable`.
   */
  resolveTxt(name: string): Promise<readonly string[]>;

  close(): Promise<void>;
}

export const maxTxtRecords = 50;
export const maxTxtLength = 1024;

export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the body after decoding; default 1 MiB. */
  readonly maxBytes?: number;
  /** For the whole exchange; default 5,000. */
  readonly timeoutMs?: number;
}

export interface OutboundResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type OutboundErrorCode =
  /** Not http(s), has credentials, is no URL; or plain http to a public host. */
  | 'bad_url'
  /** The host is, or resolves to, an address that outsiders must not reach through us. */
  | 'address_refused'
  | 'redirect_refused'
  | 'too_large'
  | 'timeout'
  /** Could not connect, reset, TLS failure, broken HTTP. */
  | 'unreachable';

export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly code: OutboundErrorCode;

  constructor(code: OutboundErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
