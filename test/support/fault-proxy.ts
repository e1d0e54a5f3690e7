import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What happens to one request on its way to DynamoDB.
 * `refuse`: the connection breaks before it arrives. `drop`: it is done, and the connection breaks before the answer.
 * `hang`: no answer, ever. `stall`: the answer begins and stops. `trickle`: the answer begins and does not end.
 * `garble`: it is done, and the answer is no JSON.
 * Otherwise an answer of our own in its place.
 */
export type Fault = 'refuse' | 'drop' | 'hang' | 'stall' | 'trickle' | 'garble' | FaultAnswer;

export interface FaultAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface SeenRequest {
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** All requests so far, in the order in which they arrived. */
  readonly seen: readonly SeenRequest[];
  /** Decides about each request from now on; `undefined` passes it. May wait for something else to happen first. */
  decide(rule: (request: SeenRequest) => Fault | undefined | Promise<Fault | undefined>): void;
  /** The next faults, one a request; then all pass. */
  next(...faults: readonly (Fault | undefined)[]): void;
  close(): Promise<void>;
}

export const faults = {
  throttled: failure('ProvisionedThroughputExceededException'),
  throttledToo: failure('ThrottlingException'),
  serverError: failure('InternalServerError', 500),
  unavailable: failure('ServiceUnavailable', 503),
} as const;

export function failure(type: string, status = 400, more: object = {}): FaultAnswer {
  return {
    status,
    body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type, ...more },
  };
}

/** A transaction that was cancelled, with a reason for each of its writes. */
export function cancelled(...codes: readonly string[]): FaultAnswer {
  return failure('TransactionCanceledException', 400, {
    CancellationReasons: codes.map((Code) => ({ Code })),
  });
}

/** Stands between an engine and its DynamoDB, and does to requests what a network and a busy service do. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const seen: SeenRequest[] = [];
  let rule: Parameters<FaultProxy['decide']>[0] = () => undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await collect(request);
    const [, operation = ''] = String(request.headers['x-amz-target']).split('.');
    const one = { operation, body: JSON.parse(body.toString()) as SeenRequest['body'] };
    seen.push(one);
    const fault = await rule(one);
    if (fault === 'hang') return;
    if (fault === 'refuse') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object') {
      response.writeHead(fault.status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify(fault.body));
      return;
    }
    const answer = await forward(target, request, body);
    if (fault === 'drop') request.socket.destroy();
    else if (fault === 'stall') {
      response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length + 1 });
      response.write(answer.body);
    } else if (fault === 'trickle') {
      response.writeHead(answer.status, answer.headers);
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    } else {
      response.writeHead(answer.status, answer.headers);
      response.end(fault === 'garble' ? '{"half' : answer.body);
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    decide: (decision) => void (rule = decision),
    next: (...planned) => {
      const left = [...planned];
      rule = () => left.shift();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function forward(target: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = httpRequest(
      target,
      {
        method: request.method,
        path: request.url,
        headers: { ...request.headers, host: new URL(target).host },
      },
      (answer) => {
        const type = String(answer.headers['content-type']);
        collect(answer).then(
          (content) =>
            resolve({ status: answer.statusCode ?? 0, headers: { 'content-type': type }, body: content }),
          reject,
        );
      },
    );
    onward.on('error', reject);
    onward.end(body);
  });
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
