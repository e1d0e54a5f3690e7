import { BrokerError } from './broker-error.ts';

export type Fetch = typeof globalThis.fetch;

export interface JsonAnswer {
  readonly status: number;
  /** `undefined` when the body is not JSON. */
  readonly body: unknown;
  readonly retryAfterSeconds: number | undefined;
  /** For the next proof of possession (RFC 9449 §8). */
  readonly dpopNonce: string | null;
}

const timeoutMs = 10_000;
const maxBytes = 2 * 1024 * 1024;

/** One bounded exchange, without redirects: what answers must be the address that was configured. Throws `unreachable`. */
export async function fetchJson(fetch: Fetch, url: string, init: RequestInit = {}): Promise<JsonAnswer> {
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])]),
    });
    return {
      status: response.status,
      body: parse(await readBounded(response)),
      retryAfterSeconds: retryAfter(response.headers.get('Retry-After')),
      dpopNonce: response.headers.get('DPoP-Nonce'),
    };
  } catch (error) {
    if (error instanceof BrokerError) throw error;
    throw new BrokerError('unreachable', `There was no answer from ${url}.`, { cause: error });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new BrokerError('answer_invalid', `${response.url} answered more than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 9110 §10.2.3, in seconds: a number, or a date from which the clock's own present is taken. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}
