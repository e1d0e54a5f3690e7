/** The least that a relay in node can do: one buffer in, undici dispatch, one buffer out. Prints its address. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const upstream = new Pool(process.argv[2] ?? '', { connections: 128, pipelining: 1 });
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const answer: Buffer[] = [];
    let status = 502;
    upstream.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.concat(chunks),
      },
      {
        onRequestStart() {},
        onResponseStart: (_controller, statusCode) => void (status = statusCode),
        onResponseData: (_controller, chunk) => void answer.push(chunk),
        onResponseEnd() {
          const body = Buffer.concat(answer);
          response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
          response.end(body);
        },
        onResponseError: (_controller, error) => void response.destroy(error),
      },
    );
  });
});
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
