import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Store } from '../storage/port.ts';
import { catalogue, type EventData, type EventType } from './catalogue.ts';
import { createOutboxRepository } from './outbox-repository.ts';
import type { EventEnvelope, Events } from './port.ts';

export function createEvents(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly brokerUrl: string;
}): Events {
  const outbox = createOutboxRepository(deps.store);
  const source = `urn:${new URL(deps.brokerUrl).host}:broker`;

  return {
    async writes(type, data) {
      const { subject, once, told } = describe(type, data);
      // What happens once needs no place in an order, so nothing is read and nothing else can make it fail.
      const head = once ? undefined : await outbox.head(subject);
      const now = deps.clock.now();
      const sequence = (head?.value.sequence ?? 0) + 1;
      const at = Math.max(now, (head?.value.at ?? 0) + 1);
      const event: EventEnvelope<typeof type> = {
        specversion: '1.0',
        id: deps.ids.next('evt'),
        source,
        type: `a2a.broker.${type}`,
        subject,
        time: new Date(now).toISOString(),
        datacontenttype: 'application/json',
        sequence: String(sequence).padStart(10, '0'),
        data: told,
      };
      // Order time first: the oldest is found at the front, and of one subject each is behind the one before.
      const sort = `${String(at).padStart(14, '0')}#${event.id}`;
      const append = outbox.append(sort, { event, previous: head?.value.last ?? null });
      if (once) return [append];
      return [append, outbox.moveHead(subject, { sequence, at, last: sort }, head?.version)];
    },
  };
}

/** What is not in the list of the event's members does not leave the broker. */
function describe<T extends EventType>(
  type: T,
  data: EventData<T>,
): { readonly subject: string; readonly once: boolean; readonly told: EventData<T> } {
  const definition: {
    readonly once: boolean;
    readonly data: { parse(value: unknown): unknown };
    readonly subject: (data: never) => string;
  } = catalogue[type];
  const told = definition.data.parse(data) as EventData<T>;
  return { subject: definition.subject(told as never), once: definition.once, told };
}
