import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusals.ts';

export const maxRequestBytes = 4 * 1024 * 1024;

const jsonType = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i;

/** The whole body, bounded. What is too large is refused before it is read, or as soon as it shows. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  if (!jsonType.test(request.headers['content-type'] ?? ''))
    throw new Refusal('CONTENT_TYPE_NOT_SUPPORTED', { detail: { what: 'content type' } });
  if (request.headers['content-encoding'] !== undefined)
    throw new Refusal('CONTENT_TYPE_NOT_SUPPORTED', { message: 'Send the body without Content-Encoding.' });
  if (Number(request.headers['content-length'] ?? 0) > maxRequestBytes) throw tooLarge();
  // The caller may have left while we found out who it is; then no event tells so any more.
  if (request.destroyed) throw cutOff();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isWhole = false;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxRequestBytes) {
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      isWhole = true;
      const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
      if (isUtf8(body)) resolve(body);
      else reject(new Refusal('PARSE_ERROR', { message: 'The body is not UTF-8.' }));
    });
    // Every request closes: an error that nobody gets would cost each of them its stack trace.
    request.on('close', () => {
      if (!isWhole) reject(cutOff());
    });
  });
}

function cutOff(): Refusal {
  return new Refusal('INVALID_REQUEST', { message: 'The body was cut off.' });
}

function tooLarge(): Refusal {
  return new Refusal('PAYLOAD_TOO_LARGE', { message: `A request may have ${maxRequestBytes} bytes.` });
}
