import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface RawCall {
  /** Of the JSON-RPC request. */
  readonly id: unknown;
  /** The connection, on which anything can be said. */
  readonly socket: Socket;
  /** The token that the broker sent along. */
  readonly authorization: string;
}

export interface RawAgent {
  readonly url: string;
  /** Connections that are open now. */
  connections(): number;
  /** What it does with calls from now on. */
  on(handler: (call: RawCall) => void): void;
  close(): Promise<void>;
}

/** An agent below HTTP: it reads requests as they should be, and answers with whatever bytes a test says. */
export async function rawAgent(): Promise<RawAgent> {
  const sockets = new Set<Socket>();
  let handler: (call: RawCall) => void = ({ socket }) => socket.destroy();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = received.toString('latin1', 0, headEnd);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < headEnd + 4 + length) return;
      const body = received.toString('utf8', headEnd + 4, headEnd + 4 + length);
      received = received.subarray(headEnd + 4 + length);
      handler({
        id: (JSON.parse(body) as { id: unknown }).id,
        socket,
        authorization: /authorization: (.*)/i.exec(head)?.[1] ?? '',
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jsonrpc`,
    connections: () => sockets.size,
    on: (next) => void (handler = next),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** A whole HTTP answer; its length is what it says unless `length` lies. */
export function http(
  body: string,
  options: { status?: string; type?: string; length?: number } = {},
): string {
  const { status = '200 OK', type = 'application/json', length = Buffer.byteLength(body) } = options;
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

/** The head of an event stream in chunked coding. */
export const sseHead =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';

export function httpChunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

export function rpcResult(id: unknown, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}
