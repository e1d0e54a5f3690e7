import { auditActor } from '../audit/index.ts';
import type { OutboxRecord } from '../events/outbox-repository.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { requireDeadLetter } from './dead-letter.ts';
import type { OperationsContext } from './deps.ts';

/** The event is tried again at once, with all its attempts, and what waits behind it follows. Throws `not_found`, `conflict`. */
export async function replayDeadLetter(
  context: OperationsContext,
  eventId: string,
  by: Principal,
): Promise<OutboxRecord> {
  const record = await requireDeadLetter(context, eventId);
  const { event, previous } = record.value;
  const commit = await context.outbox.commit([
    context.outbox.replace(record, { event, previous }),
    context.outbox.removeDeadLetter(eventId),
    ...context.audit.writes({
      action: 'event.replay',
      outcome: 'allowed',
      actor: auditActor(by),
      detail: { event: eventId, type: event.type, subject: event.subject },
    }),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'Somebody else decided about this event at the same time.');
  return record.value;
}
