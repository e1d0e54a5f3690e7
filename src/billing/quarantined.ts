import type { UsageEvent } from './z-usage-event.ts';

/** What is kept of an event that is not billed, for people to look at. */
export interface Quarantined {
  readonly id: string;
  readonly provider: string;
  readonly reason: string;
  readonly at: number;
  readonly event: UsageEvent;
}
