import { errors } from 'undici';
import { OutboundError } from './port.ts';

/** Reads a body as UTF-8, counting bytes after decompression: a small bomb is as large as what it becomes. */
export async function readBounded(
  body: AsyncIterable<Buffer> & { destroy(): void },
  maxBytes: number,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw new OutboundError('too_large', `the answer has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function toOutboundError(error: unknown): OutboundError {
  if (error instanceof OutboundError) return error;
  if (error instanceof Error) {
    if (
      error.name === 'TimeoutError' ||
      error instanceof errors.ConnectTimeoutError ||
      error instanceof errors.HeadersTimeoutError
    )
      return new OutboundError('timeout', 'the server did not answer in time', error);
    if (error instanceof errors.HeadersOverflowError)
      return new OutboundError('too_large', 'the answer’s headers are too large', error);
  }
  return new OutboundError('unreachable', 'the server could not be reached or did not speak HTTP', error);
}
