import { BoundedCache } from '../../kernel/bounded-cache.ts';
import type { Log } from '../../telemetry/log.ts';
import { type Delivery, type EventBus, type EventEnvelope, type EventType, typeOf } from '../port.ts';

export interface InProcessBus extends EventBus {
  /**
   * Every event of these types, one by one for each subject, at least once as long as the process that takes it from the
   * outbox is this one. `name` is for people. Answers how to end the subscription.
   *
   * An event is taken when every subscriber has resolved. One that throws, or takes longer than 5 s, gets the event again;
   * the others do not.
   */
  subscribe<T extends EventType>(
    name: string,
    types: readonly T[],
    handle: (event: EventEnvelope<T>) => Promise<void> | void,
  ): () => void;
}

interface Subscriber {
  readonly name: string;
  readonly types: ReadonlySet<EventType>;
  readonly handle: (event: EventEnvelope) => Promise<void> | void;
}

const defaultTimeoutMs = 5000;
/** Events of which some subscriber is still to take its own; more are simply given to all again. */
const rememberedEvents = 1000;

/** For a broker of one process: its own parts, and programs that embed it, listen here. */
export function createInProcessBus(deps: { readonly log: Log; readonly timeoutMs?: number }): InProcessBus {
  const { log, timeoutMs = defaultTimeoutMs } = deps;
  const subscribers = new Set<Subscriber>();
  const served = new BoundedCache<Set<Subscriber>>(rememberedEvents);

  async function deliver(event: EventEnvelope): Promise<Delivery> {
    const type = typeOf(event);
    const done = served.get(event.id) ?? new Set<Subscriber>();
    const outstanding = [...subscribers].filter(
      (subscriber) => subscriber.types.has(type) && !done.has(subscriber),
    );
    const problems: string[] = [];
    await Promise.all(
      outstanding.map(async (subscriber) => {
        try {
          await within(timeoutMs, async () => subscriber.handle(event));
          done.add(subscriber);
        } catch (error) {
          log.warn({ err: error, event: event.id, type, subscriber: subscriber.name }, 'a subscriber failed');
          problems.push(`${subscriber.name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }),
    );
    if (problems.length === 0) {
      served.delete(event.id);
      return { outcome: 'taken' };
    }
    served.set(event.id, done);
    return { outcome: 'refused', reason: problems.join('; ').slice(0, 500) };
  }

  async function deliverInOrder(events: readonly EventEnvelope[]): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = [];
    for (const event of events) {
      const isHeld = deliveries.some(({ outcome }) => outcome !== 'taken');
      deliveries.push(isHeld ? { outcome: 'held' } : await deliver(event));
    }
    return deliveries;
  }

  return {
    kind: 'in-process',

    subscribe(name, types, handle) {
      const subscriber: Subscriber = { name, types: new Set(types), handle: handle as Subscriber['handle'] };
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },

    async publish(events) {
      const subjects = [...new Set(events.map(({ subject }) => subject))];
      const bySubject = new Map(
        await Promise.all(
          subjects.map(async (subject) => {
            const own = events.filter((event) => event.subject === subject);
            return [subject, (await deliverInOrder(own)).values()] as const;
          }),
        ),
      );
      return events.map(({ subject }) => bySubject.get(subject)?.next().value ?? { outcome: 'held' });
    },

    async close() {
      subscribers.clear();
    },
  };
}

async function within(ms: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
