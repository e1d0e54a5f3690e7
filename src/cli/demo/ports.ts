import { createServer } from 'node:net';
import { systemCode } from '../failure.ts';

/** Whether nobody listens there: on either loopback address, because `localhost` means both. */
export async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) if (await isTaken(port, host)) return false;
  return true;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return listenOnce(0, '127.0.0.1');
}

async function isTaken(port: number, host: string): Promise<boolean> {
  try {
    await listenOnce(port, host);
    return false;
  } catch (error) {
    // Other reasons, such as a machine without IPv6, are no other program.
    return systemCode(error) === 'EADDRINUSE';
  }
}

function listenOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
