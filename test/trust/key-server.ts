import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KeyServer {
  readonly url: string;
  /** Requests so far. */
  readonly requests: () => number;
  /** What it answers from now on: a key set, or any text with any status. */
  answer(body: object | string, status?: number): void;
  /** Lets requests arrive and wait, until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

/** An issuer's key set over real HTTP. */
export async function serveKeys(keys: object): Promise<KeyServer> {
  let answer = { body: JSON.stringify(keys), status: 200 };
  let requests = 0;
  let gate: Promise<void> = Promise.resolve();
  const server = createServer((_request, response) => {
    requests++;
    void gate.then(() =>
      response.writeHead(answer.status, { 'content-type': 'application/jwk-set+json' }).end(answer.body),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    requests: () => requests,
    answer: (body, status = 200) =>
      void (answer = { body: typeof body === 'string' ? body : JSON.stringify(body), status }),
    hold: () => {
      let release = (): void => undefined;
      gate = new Promise((resolve) => (release = resolve));
      return release;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
