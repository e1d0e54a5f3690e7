import { randomUUID } from 'node:crypto';
import type { BrokerClient } from './broker-client.ts';
import type { Fetch } from './fetch-json.ts';
import { deliver, type UsageOutcome } from './usage-delivery.ts';
import { type Usage, type UsageEvent, usageEvent } from './usage-event.ts';

export interface UsageReporterOptions {
  /** A client of the provider that has the scope `usage:write`. */
  readonly client: BrokerClient;
  readonly provider: string;
  /** Called for each event that did not get into the ledger, with what `report` would give to a new reporter. */
  readonly onLost?: (event: UsageEvent, outcome: UsageOutcome) => void;
  /** How long an event may wait for others, in ms; default 500. */
  readonly batchMs?: number;
  /** Default 200, at most 1,000. */
  readonly batchSize?: number;
  /** Events that wait or are under way; default 10,000. More are `undelivered` at once. */
  readonly maxQueued?: number;
  /** First and longest pause between attempts, in ms; default 500 and 60,000. `Retry-After` counts as well. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  readonly fetch?: Fetch;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export interface UsageReporter {
  /**
   * Queues one event. Resolves when its fate is known; never rejects. Throws `TypeError` at once for a quantity that
   * is not an exact decimal.
   */
  report(usage: Usage): Promise<UsageOutcome>;
  /** Sends what waits; resolves when everything reported so far has an outcome. */
  flush(): Promise<void>;
  /** Takes nothing more, tries for so long (default 5,000 ms) to deliver the rest, and gives back what it could not. */
  close(timeoutMs?: number): Promise<readonly UsageEvent[]>;
}

interface Queued {
  readonly event: UsageEvent;
  readonly settle: (outcome: UsageOutcome) => void;
}

/** The broker takes at most 1,000 events and 1 MB; an event of ours is below 2 KB unless its dimensions are large. */
const maxBatch = 1000;

export function createUsageReporter(options: UsageReporterOptions): UsageReporter {
  const { client, provider, batchMs = 500, maxQueued = 10_000 } = options;
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const now = options.now ?? Date.now;
  const backoff = options.backoff ?? { firstMs: 500, maxMs: 60_000 };
  const batchSize = Math.max(1, Math.min(options.batchSize ?? 200, maxBatch));
  const queue: Queued[] = [];
  const stop = new AbortController();
  const undelivered: UsageEvent[] = [];
  let pending = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  /** The callback runs on its own, so that what it throws is the application's error and stops no delivery. */
  function lose(event: UsageEvent, outcome: UsageOutcome): void {
    queueMicrotask(() => options.onLost?.(event, outcome));
  }

  function settle(item: Queued, outcome: UsageOutcome): void {
    pending--;
    item.settle(outcome);
    if (closed && outcome.status === 'undelivered') undelivered.push(item.event);
    if (outcome.status === 'rejected' || outcome.status === 'undelivered') lose(item.event, outcome);
  }

  /** Until it is answered or we stop. */
  async function send(batch: readonly Queued[]): Promise<void> {
    let reason = 'The reporter was closed.';
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      const delivery = await deliver(
        { client, fetch, signal: stop.signal },
        batch.map(({ event }) => event),
      );
      if (delivery.kind === 'answered') {
        for (const [index, item] of batch.entries())
          settle(item, delivery.outcomes[index] ?? { id: item.event.id, status: 'rejected' });
        return;
      }
      ({ reason } = delivery);
      if (delivery.kind === 'split') {
        const half = Math.ceil(batch.length / 2);
        await send(batch.slice(0, half));
        return send(batch.slice(half));
      }
      // Full jitter, so that reporters that failed together do not come back together.
      const pause = Math.random() * Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 16));
      await wait(Math.max(pause, Math.min(delivery.retryAfterSeconds ?? 0, 3600) * 1000), stop.signal);
    }
    for (const item of batch) settle(item, { id: item.event.id, status: 'undelivered', reason });
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) await send(queue.splice(0, batchSize));
    sending = undefined;
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    if (queue.length > 0) sending ??= drain();
  }

  const isIdle = (): boolean => pending === 0;

  async function flush(): Promise<void> {
    while (!isIdle()) {
      start();
      await sending;
    }
  }

  return {
    report(usage) {
      const event = usageEvent(usage, {
        broker: client.broker,
        provider,
        id: usage.id ?? randomUUID(),
        now: now(),
      });
      const refused = closed
        ? 'The reporter is closed.'
        : pending >= maxQueued
          ? 'The queue is full.'
          : undefined;
      if (refused !== undefined) {
        const outcome: UsageOutcome = { id: event.id, status: 'undelivered', reason: refused };
        lose(event, outcome);
        return Promise.resolve(outcome);
      }
      const settled = new Promise<UsageOutcome>((resolve) => queue.push({ event, settle: resolve }));
      pending++;
      if (queue.length >= batchSize) start();
      else timer ??= setTimeout(start, batchMs);
      return settled;
    },
    flush,
    async close(timeoutMs = 5000) {
      closed = true;
      const deadline = setTimeout(() => stop.abort(), timeoutMs);
      await flush();
      clearTimeout(deadline);
      return undelivered;
    },
  };
}

/** Ends early, without an error, when stopped. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
