import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';

export interface HostileServer {
  readonly url: string;
  readonly port: number;
  /** Requests so far. */
  readonly hits: () => number;
  /** Connections so far, with a request or without. */
  readonly connections: () => number;
  /** What it does from now on. */
  on(listener: RequestListener): void;
  close(): Promise<void>;
}

/** A server of somebody who means harm, over real HTTP on loopback. */
export async function hostileServer(
  listener: RequestListener = (_, res) => res.end(),
): Promise<HostileServer> {
  let current = listener;
  let hits = 0;
  const server = createServer((req, res) => {
    hits++;
    res.on('error', () => res.destroy());
    current(req, res);
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    hits: () => hits,
    connections: () => connections,
    on: (next) => void (current = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function json(body: unknown): RequestListener {
  return (_, res) => {
    res.setHeader('Content-Type', 'application/json');
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

const tenMegabytes = 10 * 1024 * 1024;
const zeros = Buffer.alloc(tenMegabytes, '0');

function encoded(body: Buffer, encoding: string): RequestListener {
  return (_, res) => res.writeHead(200, { 'Content-Encoding': encoding }).end(body);
}

/** Answers that are no document at all, whatever was asked for. */
export const hostileAnswers: readonly (readonly [name: string, listener: RequestListener])[] = [
  ['10 MB', (_, res) => res.end(zeros)],
  [
    'no end',
    (_, res) => {
      const more = () => {
        while (res.write(' '.repeat(65_536)));
      };
      res.on('drain', more);
      more();
    },
  ],
  ['a gzip bomb', encoded(gzipSync(zeros), 'gzip')],
  ['a brotli bomb', encoded(brotliCompressSync(zeros), 'br')],
  ['a bomb in a bomb', encoded(gzipSync(gzipSync(zeros)), 'gzip, gzip')],
  ['an encoding that it does not have', encoded(Buffer.from('not compressed'), 'gzip')],
  [
    'half of what it announced',
    (_, res) => res.writeHead(200, { 'Content-Length': 500, Connection: 'close' }).end('{"a":', 'utf8'),
  ],
  ['a reset in the middle', (_, res) => void res.write('{"keys":[', () => res.destroy())],
  ['headers without end', (_, res) => res.writeHead(200, { 'X-Long': 'x'.repeat(40_000) }).end('{}')],
  ['an error', (_, res) => res.writeHead(500).end('{"keys":[]}')],
  ['nothing', (_, res) => res.writeHead(204).end()],
  ['a page', (_, res) => res.end('<html>')],
  ['what is not UTF-8', (_, res) => res.end(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
  ['null', json(null)],
  ['a number', json(1)],
  ['a list', json([])],
  ['100,000 brackets', json('['.repeat(100_000) + ']'.repeat(100_000))],
  ['100,000 braces', json('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000))],
];
