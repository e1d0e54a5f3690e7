import type { BrokerClient } from './broker-client.ts';
import type { Fetch } from './fetch-json.ts';
import { deliver, type UsageOutcome } from './usage-delivery.ts';
import type { UsageEvent } from './usage-event.ts';

/** Messages of an SQS queue, as AWS Lambda hands them to a function. */
export interface UsageQueueBatch {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

/** The messages that the queue is to keep (`ReportBatchItemFailures`). */
export interface UsageQueueAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

export interface UsageQueueOptions {
  /** A client of the provider that has the scope `usage:write`. */
  readonly client: BrokerClient;
  /** Called for each message that stays in the queue, with why. */
  readonly onFailed?: (messageId: string, outcome: Omit<UsageOutcome, 'id'>) => void;
  /** For one call of the handler, in ms; default 10,000. Less than the function's own time-out. */
  readonly timeoutMs?: number;
  readonly fetch?: Fetch;
}

interface Message {
  readonly messageId: string;
  readonly event: UsageEvent;
}

/** Far below the broker's 1,000 events and 1 MB. */
const batchSize = 200;

/**
 * Brings usage events from a queue to the broker. A message is a CloudEvent, or the EventBridge event that has it as its
 * `detail`. What is in the broker's ledger leaves the queue; everything else stays, so that the queue's own redelivery tries
 * it again and its dead-letter queue gets what the broker rejects. Repeating is harmless: an event counts once.
 */
export function createUsageQueueHandler(
  options: UsageQueueOptions,
): (batch: UsageQueueBatch) => Promise<UsageQueueAnswer> {
  const { client, timeoutMs = 10_000 } = options;
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));

  return async ({ Records: records }) => {
    const failed = new Set<string>();
    const signal = AbortSignal.timeout(timeoutMs);

    function fail(messageId: string, outcome: Omit<UsageOutcome, 'id'>): void {
      failed.add(messageId);
      options.onFailed?.(messageId, outcome);
    }

    async function send(messages: readonly Message[]): Promise<void> {
      const delivery = await deliver(
        { client, fetch, signal },
        messages.map(({ event }) => event),
      );
      if (delivery.kind === 'split') {
        const half = Math.ceil(messages.length / 2);
        await send(messages.slice(0, half));
        return send(messages.slice(half));
      }
      for (const [index, { messageId }] of messages.entries()) {
        const { id: _, ...outcome } =
          delivery.kind === 'later'
            ? ({ id: '', status: 'undelivered', reason: delivery.reason } as const)
            : (delivery.outcomes[index] ?? ({ id: '', status: 'undelivered' } as const));
        if (outcome.status === 'rejected' || outcome.status === 'undelivered') fail(messageId, outcome);
      }
    }

    const messages: Message[] = [];
    for (const { messageId, body } of records) {
      const event = readEvent(body);
      if (event === undefined)
        fail(messageId, { status: 'rejected', reason: 'The message holds no CloudEvent.' });
      else messages.push({ messageId, event });
    }
    for (let start = 0; start < messages.length; start += batchSize)
      await send(messages.slice(start, start + batchSize));
    return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

/** The broker checks the rest. */
function readEvent(body: string): UsageEvent | undefined {
  const message = parse(body);
  const event = message?.['detail-type'] === undefined ? message : asRecord(message['detail']);
  return typeof event?.['id'] === 'string' && event['specversion'] === '1.0'
    ? (event as unknown as UsageEvent)
    : undefined;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
