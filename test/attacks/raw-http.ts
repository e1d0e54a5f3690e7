import { createConnection } from 'node:net';

/**
 * Sends bytes as they are and answers all that comes back until the server closes: for requests that no client library makes.
 * A request that the server may well like has to ask for `Connection: close`.
 */
export function rawHttp(broker: string, request: string): Promise<string> {
  const { hostname, port } = new URL(broker);
  return new Promise((resolve) => {
    const socket = createConnection(Number(port), hostname);
    let answer = '';
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(answer));
    socket.write(request, 'latin1');
  });
}

/** The status of each answer on the connection. */
export function statusesOf(answer: string): readonly number[] {
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}
