import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds unless said otherwise. `docs/limits.md` shows the same figures to operators. */
export interface ServerLimits {
  /** A request's headers have to be complete this long after its first byte, or after the connection was made. */
  readonly headers: number;
  /** A request, with its body, has to be complete this long after its first byte. How long the answer takes is not counted. */
  readonly request: number;
  /** A connection without a request is kept this long: longer than load balancers keep theirs (60 s), so that it is not us who closes first. */
  readonly idle: number;
  /** A caller that takes nothing of an answer for this long is gone. An answer that has nothing to say yet may take as long as it likes. */
  readonly unread: number;
  /** How often `headers` and `request` are enforced. */
  readonly check: number;
  /** Connections at one time; further ones are closed at once. */
  readonly connections: number;
  /** At the end, running answers have this long. */
  readonly drain: number;
}

export const serverLimits: ServerLimits = {
  headers: 20_000,
  request: 120_000,
  idle: 65_000,
  unread: 120_000,
  check: 5_000,
  connections: 10_000,
  drain: 10_000,
};

const maxHeaderBytes = 32 * 1024;
/** What is left of a refused body is read for this long, so that the caller gets to see the refusal and can go on. */
const lingerMs = 5000;
/** TCP asks silent peers whether they are still there: a stream without events must not be kept for a machine that is gone. */
const keepAliveProbeMs = 60_000;

export interface HttpServer {
  /** Resolves with the port that is listened on. */
  listen(host: string, port: number): Promise<{ readonly port: number }>;
  /** Refuses new connections; resolves when running answers have ended, or were cut off after `cutAfterMs`. */
  stop(cutAfterMs: number): Promise<void>;
}

/** A server that no slow caller holds up, and that lets long answers be long. */
export function createHttpServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  limits: ServerLimits = serverLimits,
): HttpServer {
  const answering = new Set<ServerResponse>();
  /** Connections that have asked for nothing yet; node does not count them as idle. */
  const silent = new Set<Socket>();
  let isStopping = false;

  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: limits.headers,
      requestTimeout: limits.request,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: limits.check,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
    },
    (request, response) => {
      silent.delete(request.socket);
      answering.add(response);
      response.on('close', () => {
        answering.delete(response);
        if (isStopping) setImmediate(() => server.closeIdleConnections());
      });
      response.on('finish', () => {
        if (!request.complete) discardRest(request);
      });
      // A listener here keeps node from closing the connection of an answer that is only silent.
      response.on('timeout', (socket) => {
        if (socket.writableLength > 0) socket.destroy();
      });
      if (isStopping) response.setHeader('Connection', 'close');
      handle(request, response);
    },
  );
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.on('close', () => silent.delete(socket));
  });
  server.timeout = limits.unread;
  server.maxConnections = limits.connections;

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          const address = server.address();
          resolve({ port: typeof address === 'object' && address !== null ? address.port : port });
        });
      }),

    async stop(cutAfterMs) {
      isStopping = true;
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const response of answering) if (!response.headersSent) response.setHeader('Connection', 'close');
      server.closeIdleConnections();
      for (const socket of silent) socket.destroy();
      const timer = setTimeout(() => server.closeAllConnections(), cutAfterMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function discardRest(request: IncomingMessage): void {
  // Whoever began to read and stopped would hold the rest back, and with it the caller's next request.
  request.removeAllListeners('data');
  request.resume();
  setTimeout(() => request.complete || request.socket.destroy(), lingerMs).unref();
}
