import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';
import type { DpopKey } from '../kit/index.ts';
import { Failure, systemCode } from './failure.ts';
import { refusal } from './refusal.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Made with {@link apiPath}. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: JsonValue;
  /** Of the body. Default: `application/json`. */
  readonly contentType?: string;
  /** For what everybody may read: sent without a token. */
  readonly anonymous?: boolean;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
}

export interface ApiAnswer {
  /** Exactly as it was sent. */
  readonly text: string;
  readonly body: JsonValue;
}

export interface ApiClient {
  readonly broker: string;
  /** Throws {@link Failure}: `refused` (4xx), `failed` (5xx, or no answer of a broker), `unreachable`. */
  request(request: ApiRequest): Promise<ApiAnswer>;
  /** A list, page by page, until its end. */
  pages(request: ApiRequest): AsyncIterable<readonly JsonObject[]>;
}

const defaultTimeoutMs = 30_000;

export function createApiClient(connection: {
  readonly broker: string;
  readonly token: string | undefined;
  /** The key to which the token is bound (RFC 9449). */
  readonly dpop?: DpopKey | undefined;
}): ApiClient {
  const { broker, token, dpop } = connection;

  async function authorization(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    if (token === undefined) return {};
    if (dpop === undefined) return { Authorization: `Bearer ${token}` };
    return { Authorization: `DPoP ${token}`, DPoP: await dpop.proof({ method, url, accessToken: token }) };
  }

  async function request({
    method = 'GET',
    path,
    query = {},
    body,
    contentType = 'application/json',
    timeoutMs = defaultTimeoutMs,
  }: ApiRequest) {
    const parameters = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    );
    const search = parameters.length === 0 ? '' : `?${new URLSearchParams(parameters).toString()}`;
    const headers = {
      Accept: 'application/json, application/problem+json',
      ...(body === undefined ? {} : { 'Content-Type': contentType }),
    };
    const url = `${broker}${path}${search}`;
    const send = async () => {
      const init = {
        method,
        headers: { ...headers, ...(await authorization(method, url)) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      };
      return exchange(url, init, timeoutMs);
    };
    let answer = await send();
    // Refused before anything was done: with the nonce that came along it may be sent again.
    if (answer.status === 401 && dpop?.learn(url, answer.nonce) === true) answer = await send();
    const { status, text } = answer;
    const parsed = parseJson(text);
    if (status >= 400) throw refusal(status, parsed, broker, token !== undefined);
    if (status >= 300 || parsed === undefined)
      throw new Failure('failed', `${broker} answered ${status} without JSON: is it the broker?`);
    return { text, body: parsed };
  }

  return {
    broker,
    request,
    async *pages(list) {
      let cursor: string | undefined;
      do {
        const { body } = await request(
          cursor === undefined ? list : { ...list, query: { ...list.query, cursor } },
        );
        const { items, nextCursor } = readPage(body);
        yield items;
        if (nextCursor !== undefined && nextCursor === cursor)
          throw new Failure('failed', `${broker}${list.path} gave the same page twice.`);
        cursor = nextCursor;
      } while (cursor !== undefined);
    },
  };
}

/** A list's answer, `{items, nextCursor?}`. Throws `failed` for what is none. */
export function readPage(body: JsonValue): {
  readonly items: readonly JsonObject[];
  readonly nextCursor: string | undefined;
} {
  const { items, nextCursor } = isJsonObject(body) ? body : {};
  if (!Array.isArray(items)) throw new Failure('failed', 'The answer is not a list: is it the broker’s?');
  return {
    items: items.filter((item: JsonValue) => isJsonObject(item)),
    nextCursor: typeof nextCursor === 'string' ? nextCursor : undefined,
  };
}

/** `apiPath('v1', 'tenants', id)`: every part is one segment, whatever is in it. Throws `usage` for what cannot be one. */
export function apiPath(...segments: readonly string[]): string {
  for (const segment of segments)
    if (segment === '' || segment === '.' || segment === '..')
      throw new Failure('usage', `"${segment}" is no id.`);
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}

async function exchange(
  url: string,
  init: RequestInit,
  timeoutMs: number,
): Promise<{ status: number; text: string; nonce: string | null }> {
  try {
    // A redirect would carry the token to an address that nobody configured.
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      status: response.status,
      text: await response.text(),
      nonce: response.headers.get('DPoP-Nonce'),
    };
  } catch (error) {
    const { origin } = new URL(url);
    throw new Failure('unreachable', `There is no answer from ${origin}: ${whyNot(error, timeoutMs)}.`, {
      cause: error,
      hints: [
        'Is the broker running there? Start it with `a2a-broker serve`, or name another with --broker or BROKER_URL.',
      ],
    });
  }
}

function whyNot(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `nothing came within ${timeoutMs / 1000} s`;
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there',
    ECONNRESET: 'the connection was cut',
    UND_ERR_SOCKET: 'the connection was cut',
    UND_ERR_CONNECT_TIMEOUT: 'the connection took too long',
    EHOSTUNREACH: 'there is no way to it from here',
    ENETUNREACH: 'there is no way to it from here',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name cannot be looked up now',
  };
  const code = systemCode(cause);
  return words[code ?? ''] ?? code ?? (cause instanceof Error ? cause.message : 'the connection failed');
}
