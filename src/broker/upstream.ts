import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, errors } from 'undici';
import { Refusal } from './refusals.ts';

export interface UpstreamRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Whether a stream is expected: it may be silent for long. */
  readonly streaming: boolean;
}

/** Receives a stream's bytes. */
export interface StreamSink {
  data(chunk: Buffer): void;
  /** `error` is set when the stream broke. */
  end(error: Error | undefined): void;
}

export interface UpstreamStream {
  readonly kind: 'stream';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Nothing is read before this. */
  start(sink: StreamSink): void;
  pause(): void;
  resume(): void;
  /** Stops reading; the task at the agent goes on. */
  abort(): void;
}

export interface UpstreamWhole {
  readonly kind: 'whole';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export const maxAnswerBytes = 16 * 1024 * 1024;

/** Milliseconds. */
export interface UpstreamTimes {
  /** For a free connection: an agent that hangs must not gather callers without end. Nothing was sent, so they may try again. */
  readonly queue: number;
  /** For a whole answer, in all: a blocking send may take minutes. */
  readonly whole: number;
  /** For a stream, without a byte. Agents that work longer in silence are followed with SubscribeToTask. */
  readonly silence: number;
}

export const upstreamTimes: UpstreamTimes = { queue: 30_000, whole: 15 * 60_000, silence: 60 * 60_000 };

/** One POST to an agent. Resolves with the whole answer, or with the start of a stream. Throws {@link Refusal}. */
export function callUpstream(
  pool: Dispatcher,
  request: UpstreamRequest,
  times: UpstreamTimes,
): Promise<UpstreamWhole | UpstreamStream> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let sink: StreamSink | undefined;
    let isStream = false;
    let given: Dispatcher.DispatchController | undefined;
    let late: Refusal | undefined;

    const answerMs = request.streaming ? times.silence : times.whole;
    let timer = setTimeout(giveUp, times.queue, 'AGENT_UNAVAILABLE');

    function giveUp(reason: 'AGENT_UNAVAILABLE' | 'UPSTREAM_TIMEOUT'): void {
      late = new Refusal(reason);
      given?.abort(late);
      reject(late);
    }

    pool.dispatch(
      {
        origin: request.url.origin,
        path: `${request.url.pathname}${request.url.search}`,
        method: 'POST',
        headers: { ...request.headers },
        body: request.body,
        headersTimeout: answerMs,
        bodyTimeout: answerMs,
      },
      {
        onRequestStart(controller) {
          clearTimeout(timer);
          given = controller;
          if (late === undefined) timer = setTimeout(giveUp, answerMs, 'UPSTREAM_TIMEOUT');
          else controller.abort(late);
        },
        onResponseStart(controller, statusCode, responseHeaders) {
          // 1xx answers announce; the real one follows.
          if (statusCode < 200) return;
          status = statusCode;
          headers = responseHeaders;
          isStream =
            request.streaming &&
            status === 200 &&
            /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
          if (!isStream) return;
          clearTimeout(timer);
          controller.pause();
          resolve({
            kind: 'stream',
            status,
            headers,
            start(receiver) {
              sink = receiver;
              controller.resume();
            },
            pause: () => controller.pause(),
            resume: () => controller.resume(),
            abort: () =>
              controller.abort(new errors.RequestAbortedError('nobody reads this stream any more')),
          });
        },
        onResponseData(controller, chunk) {
          if (isStream) {
            sink?.data(chunk);
            return;
          }
          bytes += chunk.length;
          if (bytes > maxAnswerBytes)
            controller.abort(
              new Refusal('INVALID_AGENT_RESPONSE', {
                message: 'The agent’s answer is too large.',
                detail: { limit: maxAnswerBytes },
              }),
            );
          else chunks.push(chunk);
        },
        onResponseEnd() {
          clearTimeout(timer);
          if (isStream) sink?.end(undefined);
          else resolve({ kind: 'whole', status, headers, body: wholeOf(chunks, bytes) });
        },
        onResponseError(_controller, error) {
          clearTimeout(timer);
          if (isStream) sink?.end(error);
          else reject(toRefusal(error));
        },
      },
    );
  });
}

function wholeOf(chunks: readonly Buffer[], bytes: number): Buffer {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
}

function toRefusal(error: Error): Refusal {
  if (error instanceof Refusal) return error;
  const timedOut = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
  return new Refusal(timedOut ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE', {
    detail: { error: error.message },
    cause: error,
  });
}
