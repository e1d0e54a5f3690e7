import { auditActor } from '../audit/index.ts';
import type { OutboxRecord } from '../events/outbox-repository.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { requireDeadLetter } from './dead-letter.ts';
import type { OperationsContext } from './deps.ts';

/**
 * The event never goes out, and what waits behind it does: consumers see that a number of its subject is missing. The audit
 * log keeps that it was there. Throws `not_found`, `conflict`.
 */
export async function discardDeadLetter(
  context: OperationsContext,
  eventId: string,
  reason: string,
  by: Principal,
): Promise<OutboxRecord> {
  const record = await requireDeadLetter(context, eventId);
  const { type, subject, sequence } = record.value.event;
  const commit = await context.outbox.commit([
    context.outbox.remove(record),
    context.outbox.removeDeadLetter(eventId),
    ...context.audit.writes({
      action: 'event.discard',
      outcome: 'allowed',
      actor: auditActor(by),
      reason,
      detail: { event: eventId, type, subject, sequence },
    }),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'Somebody else decided about this event at the same time.');
  return record.value;
}
