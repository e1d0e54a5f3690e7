import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer, type HttpServer, serverLimits } from '../../src/http/server.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: HttpServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop(0);
  server = undefined;
});

const quick = { ...serverLimits, headers: 150, request: 300, unread: 200, check: 20 };

async function listening(handle: Handler, limits = quick): Promise<number> {
  server = createHttpServer(handle, limits);
  return (await server.listen('127.0.0.1', 0)).port;
}

interface Line {
  readonly socket: Socket;
  /** All that has come so far. */
  text(): string;
  readonly closed: Promise<unknown>;
}

async function dial(port: number): Promise<Line> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  // Who still writes when the other side lets go may be told by a reset.
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
const answer: Handler = (request, response) => {
  request.resume();
  request.on('end', () => response.end('done'));
};

/** Sends a piece at a time until the other side has enough. */
function trickle(socket: Socket, piece: string): void {
  const timer = setInterval(() => socket.write(piece), 20);
  socket.on('close', () => clearInterval(timer));
}

describe('a slow caller', () => {
  it('that trickles headers is told 408 and let go', async () => {
    const line = await dial(await listening(answer));
    line.socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
    trickle(line.socket, 'X-Slow: 1\r\n');
    await line.closed;
    expect(line.text()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that trickles a body is told 408 and let go', async () => {
    const line = await dial(await listening(answer));
    line.socket.write(post(1_000_000));
    trickle(line.socket, 'x');
    await line.closed;
    expect(line.text()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that says nothing at all is let go', async () => {
    const line = await dial(await listening(answer));
    await line.closed;
    expect(line.text()).not.toContain('200');
  });

  it('that does not take its answer is let go', async () => {
    let ended: Promise<unknown> | undefined;
    const port = await listening((_, response) => {
      ended = once(response, 'close');
      response.end(Buffer.alloc(64 << 20));
    });
    const line = await dial(port);
    line.socket.pause();
    line.socket.write(get);
    await expect.poll(() => ended).toBeDefined();
    await ended;
  });

  it('may take an answer as slowly as it likes, as long as it takes some', async () => {
    const unread = 2000;
    const size = 64 << 20;
    const port = await listening((_, response) => response.end(Buffer.alloc(size, 'x')), {
      ...quick,
      unread,
    });
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.write(get);
    const started = Date.now();
    let received = 0;
    while (received < size) {
      received += ((socket.read() as Buffer | null) ?? '').length;
      expect(socket.destroyed).toBe(false);
      await delay(Date.now() - started < unread * 1.5 ? 5 : 0);
    }
    expect(Date.now() - started).toBeGreaterThan(unread);
  }, 30_000);
});

describe('an answer', () => {
  it('may be silent for longer than any limit, before it begins and in the middle', async () => {
    const pause = quick.unread + quick.request + 100;
    const port = await listening((_, response) => {
      setTimeout(() => {
        response.write('first ');
        setTimeout(() => response.end('last'), pause);
      }, pause);
    });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('first last');
  });

  it('reaches a caller whose body was refused, and the rest of the body is not read without end', async () => {
    const port = await listening((_, response) => response.writeHead(413).end('too large'));
    const line = await dial(port);
    line.socket.write(post(1 << 30));
    trickle(line.socket, 'x'.repeat(1000));
    await expect.poll(() => line.text()).toContain('too large');
    await line.closed;
  });

  it('leaves the connection open for the next request', async () => {
    const line = await dial(await listening(answer));
    for (let n = 1; n <= 3; n++) {
      line.socket.write(get);
      await expect.poll(() => line.text().split('done').length - 1).toBe(n);
    }
    expect(line.text()).not.toContain('Connection: close');
  });
});

describe('stopping', () => {
  it('lets running answers end, tells callers to leave, and refuses new connections', async () => {
    const answers: (() => void)[] = [];
    const port = await listening(
      (_, response) => void answers.push(() => response.end('whole')),
      serverLimits,
    );
    const line = await dial(port);
    line.socket.write(get);
    const silent = await dial(port);
    const idle = await dial(port);
    idle.socket.write(get);
    await expect.poll(() => answers.length).toBe(2);
    answers.pop()?.();
    await expect.poll(() => idle.text()).toContain('whole');

    const stopped = server?.stop(10_000);
    await Promise.all([idle.closed, silent.closed]);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
    answers.pop()?.();
    await Promise.all([stopped, line.closed]);
    expect(line.text()).toMatch(/Connection: close[^]*whole/);
  });

  it('cuts off what does not end', async () => {
    const port = await listening((_, response) => response.write('begun'), serverLimits);
    const line = await dial(port);
    line.socket.write(get);
    await expect.poll(() => line.text()).toContain('begun');
    await server?.stop(50);
    await line.closed;
  });

  it('is possible before it has begun to listen, and twice', async () => {
    server = createHttpServer(answer);
    await expect(server.stop(10)).resolves.toBeUndefined();
    await expect(server.stop(10)).resolves.toBeUndefined();
  });
});

it('refuses connections beyond its number', async () => {
  const port = await listening(answer, { ...serverLimits, connections: 2 });
  const lines = await Promise.all([dial(port), dial(port)]);
  const third = await dial(port);
  await third.closed;
  lines[0]?.socket.write(get);
  await expect.poll(() => lines[0]?.text()).toContain('done');
});
