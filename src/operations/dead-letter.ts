import type { OutboxRecord } from '../events/outbox-repository.ts';
import { Fault } from '../kernel/fault.ts';
import type { StoredRecord } from '../storage/port.ts';
import type { OperationsContext } from './deps.ts';

/** Throws `not_found`. */
export async function requireDeadLetter(
  context: OperationsContext,
  eventId: string,
): Promise<StoredRecord<OutboxRecord>> {
  const record = await context.outbox.deadLetter(eventId);
  if (record === undefined) throw new Fault('not_found', `There is no dead letter ${eventId}.`);
  return record;
}
