import type { Write } from '../storage/port.ts';
import type { EventData, EventType } from './catalogue.ts';

export type { EventData, EventType } from './catalogue.ts';

/** What a room needs to report a business event. */
export interface Events {
  /**
   * The writes of one event, to be committed together with what it reports, so that neither exists without the other: at
   * most two. An event of the same subject that was committed since makes the commit fail; what it reported has then changed
   * the subject, too. A commit has at most one event of a subject.
   */
  writes<T extends EventType>(type: T, data: EventData<T>): Promise<readonly Write[]>;
}

/** CloudEvents 1.0, JSON format: what consumers get. */
export interface EventEnvelope<T extends EventType = EventType> {
  readonly specversion: '1.0';
  /** `evt_…`; the same however often the event arrives. */
  readonly id: string;
  /** `urn:{host of the broker}:broker` */
  readonly source: string;
  readonly type: `a2a.broker.${T}`;
  /** What it happened to, `kind:id`. */
  readonly subject: string;
  /** RFC 3339 in UTC, by the clock of the process that wrote it: for people. Order is told by `sequence`. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  /** Of the events of the subject, from 1 without a gap; ten digits, so that texts compare as numbers do. */
  readonly sequence: string;
  readonly data: EventData<T>;
}

/** What became of one event. Only `taken` lets it leave the outbox. */
export type Delivery =
  | { readonly outcome: 'taken' }
  /** The bus wants this one event not as it is. After some attempts it becomes a dead letter. */
  | { readonly outcome: 'refused'; readonly reason: string }
  /** The bus, or the way to it, is at fault: tried again until it works. */
  | { readonly outcome: 'failed'; readonly reason: string }
  /** Not tried, because one before it was not taken. */
  | { readonly outcome: 'held' };

export interface EventBus {
  readonly kind: 'in-process' | 'eventbridge';
  /**
   * Hands events over; one answer for each, in order, within a bounded time. Never throws for what it can foresee. An event
   * is taken only after all events of its subject that stand before it.
   */
  publish(events: readonly EventEnvelope[]): Promise<readonly Delivery[]>;
  close(): Promise<void>;
}

/** `tenant.suspended.v1` of `a2a.broker.tenant.suspended.v1`. */
export function typeOf(event: Pick<EventEnvelope, 'type'>): EventType {
  return event.type.slice('a2a.broker.'.length) as EventType;
}
