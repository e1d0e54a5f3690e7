import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { errors } from 'undici';
import { OutboundError } from './port.ts';

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
};

/**
 * The content behind its `Content-Encoding` (RFC 9110 §8.4.1): we ask for none, and some servers compress all the same. Throws
 * {@link OutboundError} `unreachable` for an encoding, or a chain of them, that we do not know.
 */
export function decoded(body: Readable, encoding: string | string[] | undefined): Readable {
  const name = String(encoding ?? 'identity')
    .trim()
    .toLowerCase();
  if (name === 'identity' || name === '') return body;
  const decoder = decoders[name]?.();
  if (decoder === undefined) {
    body.on('error', () => undefined).destroy();
    throw new OutboundError('unreachable', 'the answer is compressed in a way that is not known here');
  }
  // An error on either side ends both, and shows where the decoder is read.
  return pipeline(body, decoder, () => undefined);
}

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
