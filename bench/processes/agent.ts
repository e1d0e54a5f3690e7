/** An agent that does nothing but answer 2 KB at once. Prints its address. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const text = 'y'.repeat(1800);
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number };
    const message = { messageId: `answer-${id}`, role: 'ROLE_AGENT', parts: [{ text }] };
    const body = JSON.stringify({ jsonrpc: '2.0', id, result: { message } });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
