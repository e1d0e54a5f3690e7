import { instant } from '../api/present.ts';
import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';

/** Each exchange looks for a user under every version. */
const maxVersions = 16;

/**
 * Makes the next version of the secret behind pairwise subjects. Users whom a provider has seen keep the subject under which it knows
 * them; those who are new there get one of the new version, ten minutes later, when every process has it. Throws `conflict` (one waits
 * for its turn, there are too many, or somebody else rotates at the same moment).
 */
export async function rotatePairwiseSecret(
  context: Pick<TrustContext, 'store' | 'keys' | 'audit' | 'events' | 'clock'>,
  reason: string,
  by: Principal,
): Promise<void> {
  await context.keys.refresh();
  const versions = context.keys.listPairwiseSecrets();
  const waiting = versions.find(({ activeFrom }) => activeFrom > context.clock.now());
  if (waiting !== undefined)
    throw new Fault(
      'conflict',
      `Version ${waiting.version} is in force from ${instant(waiting.activeFrom)} on. Rotate again after that.`,
    );
  if (versions.length >= maxVersions) throw new Fault('conflict', `There can be ${maxVersions} versions.`);
  const { version, activeFrom, write } = await context.keys.nextPairwiseSecret();
  const commit = await context.store.commit([
    write,
    ...context.audit.writes({
      action: 'pairwise-secret.rotate',
      outcome: 'allowed',
      actor: auditActor(by),
      detail: { version, activeFrom: instant(activeFrom), reason },
    }),
    ...(await context.events.writes('pairwise.rotated.v1', {
      version,
      activeFrom: instant(activeFrom),
    })),
  ]);
  if (!commit.ok) throw new Fault('conflict', 'Somebody else has rotated the secret at the same time.');
  await context.keys.refresh();
}
