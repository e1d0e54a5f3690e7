import type { PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { type EventEnvelope, typeOf } from '../port.ts';

/** What rules match on: `source`, and `detail-type` by kind of event. `detail` is the CloudEvent. */
export const eventSource = 'a2a.broker';

export interface Entry {
  readonly request: PutEventsRequestEntry;
  /** By EventBridge's own rule: 14 for the time, and the UTF-8 bytes of source, detail-type and detail. */
  readonly bytes: number;
}

const timeBytes = 14;

export function entryOf(event: EventEnvelope, bus: string): Entry {
  const type = typeOf(event);
  const detail = JSON.stringify(event);
  return {
    request: {
      EventBusName: bus,
      Source: eventSource,
      DetailType: type,
      Time: new Date(event.time),
      Detail: detail,
    },
    bytes: timeBytes + Buffer.byteLength(eventSource) + Buffer.byteLength(type) + Buffer.byteLength(detail),
  };
}
