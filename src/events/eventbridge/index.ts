import {
  DescribeEventBusCommand,
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import type { Log } from '../../telemetry/log.ts';
import type { Delivery, EventBus, EventEnvelope } from '../port.ts';
import { type Entry, entryOf } from './entry.ts';
import { outcomeOfEntry, outcomeOfError } from './outcome.ts';
import { createQueues } from './queues.ts';

export interface EventBridgeOptions {
  readonly log: Log;
  /** Name or ARN. */
  readonly bus: string;
  /** Default: that of the AWS profile. */
  readonly region?: string | undefined;
  /** Another than the region's own. */
  readonly endpoint?: string | undefined;
  /** Default: where the SDK finds them (environment, role). */
  readonly credentials?: EventBridgeClientConfig['credentials'];
  /** Of one request, in ms. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5000;

/**
 * Hands events to an EventBridge bus. Tries each once: what was not taken, the relay tries again. A request never has two
 * events of one subject, because of its entries any may fail alone, and a later one must not be in before an earlier one.
 */
export function createEventBridgeBus(options: EventBridgeOptions): EventBus {
  const { bus, log, region, endpoint, credentials, timeoutMs = defaultTimeoutMs } = options;
  const client = new EventBridgeClient({
    // The relay's pauses are long and at random; a second layer of retries would only hide what is wrong.
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  let isKnownToExist = false;

  const inTime = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) });

  /** EventBridge takes events for a bus that does not exist, and drops them. So it is asked before the first. */
  async function whyNoBus(): Promise<string | undefined> {
    if (isKnownToExist) return undefined;
    try {
      await client.send(new DescribeEventBusCommand({ Name: bus }), inTime());
    } catch (error) {
      const { name } = error instanceof Error ? error : { name: '' };
      if (name !== 'AccessDeniedException') return `${bus}: ${reasonOf(outcomeOfError(error))}`;
      log.warn({ bus }, 'without events:DescribeEventBus nobody can tell whether the event bus exists');
    }
    isKnownToExist = true;
    return undefined;
  }

  /** In the entries' order. */
  async function put(entries: readonly Entry[]): Promise<readonly Delivery[]> {
    try {
      const answer = await client.send(
        new PutEventsCommand({ Entries: entries.map(({ request }) => request) }),
        inTime(),
      );
      return entries.map((_, index) => outcomeOfEntry(answer.Entries?.[index]));
    } catch (error) {
      const outcome = outcomeOfError(error);
      if (outcome.outcome !== 'refused' || entries.length === 1) return entries.map(() => outcome);
      // One of them is why; alone, the others go.
      const alone: Delivery[] = [];
      for (const entry of entries) alone.push(...(await put([entry])));
      return alone;
    }
  }

  return {
    kind: 'eventbridge',

    async publish(events: readonly EventEnvelope[]) {
      const missing = await whyNoBus();
      if (missing !== undefined) return events.map(() => ({ outcome: 'failed', reason: missing }));
      const queues = createQueues(
        events.map((event) => ({ subject: event.subject, entry: entryOf(event, bus) })),
      );
      for (let request = queues.next(); request.length > 0; request = queues.next()) {
        const deliveries = await put(request);
        queues.settle(deliveries);
        // Throttled, or away: what else there is would only add to it.
        if (deliveries.every(({ outcome }) => outcome === 'failed')) break;
      }
      return queues.deliveries();
    },

    async close() {
      client.destroy();
    },
  };
}

function reasonOf(delivery: Delivery): string {
  return 'reason' in delivery ? delivery.reason : delivery.outcome;
}
