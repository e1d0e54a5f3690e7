import { Agent, type Dispatcher } from 'undici';

const agent = new Agent();

export interface RawAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly requestId: string | undefined;
  readonly text: string;
}

/** A request with its path exactly as written: `fetch` would put it in order first. */
export async function rawRequest(
  base: string,
  sent: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Buffer;
  },
): Promise<RawAnswer> {
  const { statusCode, headers, body } = await agent.request({
    origin: base,
    path: sent.path,
    method: sent.method as Dispatcher.HttpMethod,
    headers: { ...sent.headers },
    body: sent.body ?? null,
  });
  return {
    status: statusCode,
    type: headers['content-type'] as string | undefined,
    requestId: headers['x-request-id'] as string | undefined,
    text: await body.text(),
  };
}
