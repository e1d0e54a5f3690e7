import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import { maxWritesPerCommit } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';

/** Leaves room for the entry and the event. */
const batch = maxWritesPerCommit - 20;

/**
 * Encrypts with the current master key whatever a former one encrypted; answers how many records. What is done is done: after a
 * failure in the middle, again is enough. Throws `conflict` when keys are rotated at the same moment, `MasterKeyError` for a
 * record that no known key opens: then nothing was changed.
 */
export async function reencryptKeys(
  context: Pick<TrustContext, 'store' | 'audit' | 'events' | 'keys'>,
  reason: string,
  by: Principal,
): Promise<number> {
  const writes = await context.keys.reencrypt();
  for (let done = 0; done < writes.length; done += batch) {
    const part = writes.slice(done, done + batch);
    const commit = await context.store.commit([
      ...part,
      ...context.audit.writes({
        action: 'key.reencrypt',
        outcome: 'allowed',
        actor: auditActor(by),
        detail: { records: part.length, reason },
      }),
      ...(await context.events.writes('key.reencrypted.v1', { records: part.length })),
    ]);
    if (!commit.ok) throw new Fault('conflict', 'Keys were changed at the same time. Do it again.');
  }
  return writes.length;
}
