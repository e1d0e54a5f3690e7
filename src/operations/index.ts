import { createOutboxRepository, type OutboxRecord } from '../events/outbox-repository.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Page } from '../storage/port.ts';
import type { OperationsDeps } from './deps.ts';
import { discardDeadLetter } from './discard-dead-letter.ts';
import { type OutboxSummary, outboxSummary } from './outbox-summary.ts';
import { replayDeadLetter } from './replay-dead-letter.ts';

/** What the operator does about the running broker itself. See the use cases' files for what each throws. */
export interface Operations {
  outboxSummary(): Promise<OutboxSummary>;
  /** Oldest first. */
  deadLetters(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<OutboxRecord>>;
  replayDeadLetter(eventId: string, by: Principal): Promise<OutboxRecord>;
  discardDeadLetter(eventId: string, reason: string, by: Principal): Promise<OutboxRecord>;
}

export function createOperations(deps: OperationsDeps): Operations {
  const outbox = createOutboxRepository(deps.store);
  const context = { ...deps, outbox };
  return {
    outboxSummary: () => outboxSummary(context),
    deadLetters: (page) => outbox.deadLetters(page),
    replayDeadLetter: (eventId, by) => replayDeadLetter(context, eventId, by),
    discardDeadLetter: (eventId, reason, by) => discardDeadLetter(context, eventId, reason, by),
  };
}
