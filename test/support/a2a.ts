import type { Market, MarketTenant } from './market.ts';

export interface RpcAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: {
    readonly id?: unknown;
    readonly result?: Record<string, unknown>;
    readonly error?: {
      readonly code: number;
      readonly message: string;
      readonly data?: readonly ErrorInfo[];
    };
  };
  /** `error.data[0].reason` */
  readonly reason: string | undefined;
}

interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
}

/** One tenant's way to the market's agent, through the gateway. */
export interface Line {
  readonly tenant: MarketTenant;
  readonly token: string;
  call(
    method: string,
    params: unknown,
    init?: { id?: unknown; headers?: Record<string, string> },
  ): Promise<RpcAnswer>;
  /** The response as it comes, for streams. */
  open(method: string, params: unknown, signal?: AbortSignal): Promise<Response>;
}

export async function openLine(market: Market, tenant: MarketTenant, token?: string): Promise<Line> {
  const bearer = token ?? (await market.callToken(tenant));
  const url = `${market.url}/a2a/${market.agent}/jsonrpc`;
  const post = (body: unknown, headers: Record<string, string>, signal?: AbortSignal) =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'a2a-version': '1.0',
        authorization: `Bearer ${bearer}`,
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    tenant,
    token: bearer,
    call: async (method, params, { id = 1, headers = {} } = {}) =>
      readAnswer(await post({ jsonrpc: '2.0', id, method, params }, headers)),
    open: (method, params, signal) => post({ jsonrpc: '2.0', id: 1, method, params }, {}, signal),
  };
}

export async function readAnswer(response: Response): Promise<RpcAnswer> {
  const text = await response.text();
  const body = JSON.parse(text) as RpcAnswer['body'];
  return {
    status: response.status,
    headers: response.headers,
    text,
    body,
    reason: body.error?.data?.[0]?.reason,
  };
}

export function say(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { message: { messageId: 'm-1', role: 'ROLE_USER', parts: [{ text }], ...more } };
}

/** The events of a stream, one by one, as they come. */
export async function* eventsOf(
  response: Response,
): AsyncGenerator<{ readonly event?: string; readonly data: string }> {
  if (response.body === null) return;
  let pending = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    pending += chunk;
    for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
      const lines = pending.slice(0, end).split('\n');
      pending = pending.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = field('event');
      const data = field('data');
      if (data !== undefined) yield event === undefined ? { data } : { event, data };
    }
  }
}
