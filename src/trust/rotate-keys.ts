import { instant } from '../api/present.ts';
import { type AuditEntry, auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import { type KeyPurpose, keyPurposes } from './key-record.ts';

export interface Rotation {
  /** Default: every purpose. */
  readonly purposes?: readonly KeyPurpose[] | undefined;
  /** The new key signs at once, and nothing that earlier ones signed counts any more. */
  readonly compromised?: boolean | undefined;
  readonly reason: string;
}

type RotationContext = Pick<TrustContext, 'store' | 'audit' | 'events' | 'keys' | 'clock'>;

/**
 * Makes the next generation of signing keys. It is published first and signs ten minutes later, when everybody has fetched it; the
 * one before counts until nothing that it signed is left. Throws `conflict` when a key waits for its turn already (unless
 * compromised), or somebody else rotates at the same moment.
 */
export async function rotateKeys(context: RotationContext, rotation: Rotation, by: Principal): Promise<void> {
  await context.keys.refresh();
  const purposes = rotation.purposes ?? keyPurposes;
  const waiting = context.keys
    .list()
    .find(({ purpose, state }) => state === 'upcoming' && purposes.includes(purpose));
  if (waiting !== undefined && rotation.compromised !== true)
    throw new Fault(
      'conflict',
      `The next ${waiting.purpose} key signs from ${new Date(waiting.activeFrom).toISOString()} on. Rotate again after that.`,
    );
  await addGeneration(context, purposes, rotation, auditActor(by));
}

/** Rotates what is older than that. Several processes may try: one of them does. */
export async function rotateOldKeys(context: RotationContext, maxAgeMs: number): Promise<void> {
  const now = context.clock.now();
  const newest = new Map(context.keys.list().map(({ purpose, createdAt }) => [purpose, createdAt]));
  const old = keyPurposes.filter((purpose) => now - (newest.get(purpose) ?? now) > maxAgeMs);
  if (old.length === 0) return;
  try {
    await addGeneration(context, old, { reason: 'The key has reached its age.' }, 'schedule');
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'conflict')) throw error;
    await context.keys.refresh();
  }
}

async function addGeneration(
  context: RotationContext,
  purposes: readonly KeyPurpose[],
  { compromised = false, reason }: Rotation,
  actor: string,
): Promise<void> {
  const made = await Promise.all(purposes.map((purpose) => context.keys.next(purpose, compromised)));
  const events = made.map(({ record: { keyId, purpose, activeFrom } }) =>
    context.events.writes('key.rotated.v1', {
      kid: keyId,
      purpose,
      activeFrom: instant(activeFrom),
      compromised,
    }),
  );
  const commit = await context.store.commit([
    ...made.map(({ write }) => write),
    ...made.flatMap(({ record }) => context.audit.writes(entryOf(record, compromised, reason, actor))),
    ...(await Promise.all(events)).flat(),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'Somebody else has rotated the keys at the same time.');
  await context.keys.refresh();
}

function entryOf(
  record: Awaited<ReturnType<TrustContext['keys']['next']>>['record'],
  compromised: boolean,
  reason: string,
  actor: string,
): AuditEntry {
  const { keyId, purpose, activeFrom } = record;
  return {
    action: 'key.rotate',
    outcome: 'allowed',
    actor,
    detail: { purpose, keyId, activeFrom: new Date(activeFrom).toISOString(), compromised, reason },
  };
}
