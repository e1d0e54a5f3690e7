import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import type { GatewayContext } from './deps.ts';
import type { ObservedUsage } from '../billing/index.ts';
import { callUsage, streamUsage } from './meter-call.ts';
import { type AnswerFacts, readAnswer } from './read-answer.ts';
import { recordAnswer } from './record-answer.ts';
import { errorAnswer, Refusal } from './refusals.ts';
import { type SseEvent, SseSplitter } from './sse-events.ts';
import type { StreamSink, UpstreamStream } from './upstream.ts';

/** A caller that left before the first event: the task that it may have started gets this long to be known as its own. */
const orphanMs = 30_000;
/** An event is not passed on when the call's standing was last seen longer ago than this. */
const standingMs = 1000;
/** Different ids and final states of one stream: a stream is about one task (A2A v1.0 §3.1.2), and what it says is remembered. */
const maxFacts = 1000;

/**
 * Passes a stream on, event by event, in the agent's own bytes. An event that says something new about a task (whose it is,
 * that it ended) is recorded first; all others pass at once. The agent is read no faster than the caller reads. When the
 * caller leaves, reading stops, and the task goes on. Resolves when all is over and recorded; throws {@link Refusal}.
 */
export function relayStream(
  context: GatewayContext,
  call: Call,
  stream: UpstreamStream,
  response: ServerResponse,
  domain: string,
): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    // Reverse proxies in front of us must not collect events either.
    'X-Accel-Buffering': 'no',
    'X-Request-Id': call.requestId,
    ...activatedExtensions(stream),
  });
  response.flushHeaders();
  const relay = new StreamRelay(context, call, stream, response, domain);
  stream.start(relay);
  return relay.done;
}

/** The activated extensions (A2A v1.0 §3.6.4) of the agent's answer, for ours. */
export function activatedExtensions(answer: Pick<UpstreamStream, 'headers'>): Record<string, string> {
  const value = [answer.headers['a2a-extensions'] ?? []].flat().join(', ');
  // Extensions are URIs; anything else could be what node refuses to send.
  return /^[\x20-\x7e]+$/.test(value) ? { 'A2A-Extensions': value } : {};
}

class StreamRelay implements StreamSink {
  readonly done: Promise<void>;
  readonly #context: GatewayContext;
  readonly #call: Call;
  readonly #stream: UpstreamStream;
  readonly #response: ServerResponse;
  readonly #domain: string;
  readonly #settled: EventEmitter;
  readonly #splitter = new SseSplitter();
  /** Task and context ids, and final states, that are recorded. */
  readonly #known = new Set<string>();
  #waiting: SseEvent[] = [];
  #busy = false;
  #over = false;
  #upstreamEnd: { readonly error: Error | undefined } | undefined;
  #events = 0;
  #bytesOut = 0;
  #standingAt: number;

  constructor(
    context: GatewayContext,
    call: Call,
    stream: UpstreamStream,
    response: ServerResponse,
    domain: string,
  ) {
    this.#context = context;
    this.#call = call;
    this.#stream = stream;
    this.#response = response;
    this.#domain = domain;
    this.#standingAt = context.clock.now();
    const settled = new EventEmitter();
    this.#settled = settled;
    this.done = once(settled, 'over').then(([problem]: unknown[]) => {
      if (problem instanceof Refusal) throw problem;
    });
    if (response.destroyed) this.#callerLeft();
    else response.on('close', () => this.#callerLeft());
  }

  data(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#waiting.push(...this.#splitter.push(chunk));
    } catch (error) {
      this.#fail(
        new Refusal('INVALID_AGENT_RESPONSE', { cause: error, detail: { what: 'event too large' } }),
      );
      return;
    }
    this.#work();
  }

  end(error: Error | undefined): void {
    this.#upstreamEnd = { error };
    this.#work();
  }

  /** One event after the other. What can pass at once does; the agent is paused only while an event has to wait. */
  #work(): void {
    if (this.#busy || this.#over) return;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      const pending = this.#pass(event);
      if (pending === undefined) continue;
      this.#busy = true;
      this.#stream.pause();
      pending.then(
        () => {
          this.#busy = false;
          this.#stream.resume();
          // From the first event on we know whose the task is, and may stop.
          if (this.#response.destroyed) this.#finish(undefined);
          else this.#work();
        },
        (error: unknown) => this.#fail(error),
      );
      return;
    }
    if (this.#upstreamEnd === undefined) return;
    this.#finish(this.#upstreamEnd.error && brokenOff(this.#upstreamEnd.error));
  }

  /** Answers a promise when the event, or the one after it, has to wait. */
  #pass(event: SseEvent): Promise<void> | undefined {
    if (event.data === undefined || event.data === '') return this.#write(event);
    const facts = readAnswer(event.data, this.#call.request.id);
    if (facts === undefined)
      return Promise.reject(new Refusal('INVALID_AGENT_RESPONSE', { detail: { what: 'event' } }));
    const isFirst = this.#events++ === 0;
    const isNews = this.#isNews(facts);
    if (this.#known.size > maxFacts)
      return Promise.reject(new Refusal('INVALID_AGENT_RESPONSE', { detail: { facts: this.#known.size } }));
    const now = this.#context.clock.now();
    if (!isNews && !isFirst && now - this.#standingAt < standingMs) return this.#write(event);
    const usage = isFirst ? [callUsage(this.#call, now)] : [];
    return this.#admit(facts, usage).then(() => this.#write(event));
  }

  /** What was revoked since the call began ends its stream, too. */
  async #admit(facts: AnswerFacts, usage: readonly ObservedUsage[]): Promise<void> {
    const now = this.#context.clock.now();
    if (now - this.#standingAt >= standingMs) {
      const standing = await this.#context.trust.checkStanding(this.#call.context);
      if (!standing.ok) throw new Refusal(standing.error);
      this.#standingAt = now;
    }
    await recordAnswer(this.#context, this.#call, facts, usage);
  }

  #isNews(facts: AnswerFacts): boolean {
    const told = [...facts.taskIds, ...facts.contextIds];
    if (facts.ended !== undefined) told.push(`${facts.ended.taskId} ${facts.ended.state}`);
    const fresh = told.filter((fact) => !this.#known.has(fact));
    for (const fact of fresh) this.#known.add(fact);
    return fresh.length > 0;
  }

  #write({ raw }: SseEvent): Promise<void> | undefined {
    const response = this.#response;
    if (response.destroyed) return undefined;
    this.#bytesOut += raw.length;
    if (response.write(raw)) return undefined;
    return new Promise((resolve) => {
      const go = () => {
        response.off('drain', go);
        response.off('close', go);
        resolve();
      };
      response.on('drain', go);
      response.on('close', go);
    });
  }

  #callerLeft(): void {
    if (this.#over || this.#busy) return;
    if (this.#events > 0 || this.#call.request.method.about === 'task') this.#finish(undefined);
    else setTimeout(() => this.#finish(undefined), orphanMs).unref();
  }

  #fail(error: unknown): void {
    this.#finish(error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error }));
  }

  #finish(problem: Refusal | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    this.#stream.abort();
    const endedAt = this.#context.clock.now();
    const usage = [
      ...(this.#events > 0 ? [] : [callUsage(this.#call, endedAt)]),
      streamUsage(this.#call, { bytesOut: this.#bytesOut, endedAt }, this.#events),
    ];
    this.#context.billing.observe(usage).then(
      () => this.#close(problem),
      (error: unknown) => this.#close(problem ?? new Refusal('BROKER_UNAVAILABLE', { cause: error })),
    );
  }

  #close(problem: Refusal | undefined): void {
    if (problem === undefined) this.#response.end();
    else {
      const answer = errorAnswer(problem, this.#call.request.id, this.#domain);
      this.#response.end(`event: error\ndata: ${JSON.stringify(answer)}\n\n`);
    }
    this.#settled.emit('over', problem);
  }
}

function brokenOff(error: Error): Refusal {
  return new Refusal('UPSTREAM_UNREACHABLE', {
    message: 'The agent’s stream broke off. Follow the task with SubscribeToTask or GetTask.',
    cause: error,
    detail: { error: error.message },
  });
}
