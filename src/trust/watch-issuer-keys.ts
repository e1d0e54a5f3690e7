import { partyId, partyKind } from '../kernel/principal.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import type { TrustContext } from './deps.ts';
import { newChallenge } from './issuer-challenge.ts';
import { candidates, type IssuerKeys, type KeySet, type KeySource } from './issuer-keys.ts';
import type { KeySetProblem } from './key-set.ts';
import type { TrustRecord } from './model.ts';

type WatchContext = Pick<TrustContext, 'repository' | 'issuers' | 'audit' | 'events' | 'clock'>;

/** How a published set stands to the one that was trusted: rotated sets have a key in common. */
type Change = 'none' | 'rotated' | 'replaced';

/**
 * The same keys; those of a trust record only as long as each set that is seen has a key in common with the one before. An
 * issuer rotates by publishing the next key beside the one in use; who replaces all at once may be somebody else, who has got hold of
 * the address. Such a record is refused, everywhere and from then on, until its keys are proven or approved again.
 *
 * What was seen is kept in the record: a restart does not forget it, and replicas share it.
 */
export function watchIssuerKeys(context: WatchContext, issuerKeys: IssuerKeys): IssuerKeys {
  /** By issuer: many tokens find the same rotation. */
  const noting = new Map<string, Promise<void>>();

  function noteOnce(record: TrustRecord, set: KeySet): Promise<void> {
    const running = noting.get(record.issuer);
    if (running !== undefined) return running;
    const made = note(context, record, set).finally(() => noting.delete(record.issuer));
    noting.set(record.issuer, made);
    return made;
  }

  async function trusted(record: TrustRecord, set: KeySet): Promise<Result<KeySet, KeySetProblem>> {
    const change = changeOf(record, set);
    if (change === 'replaced') return settle(context, issuerKeys, record);
    if (change === 'rotated') await noteOnce(record, set);
    return ok(set);
  }

  return {
    ...issuerKeys,
    async find(source, algorithm, keyId) {
      const read = await issuerKeys.read(source, { keyId });
      const set = read.ok && isWatched(source) ? await trusted(source, read.value) : read;
      return set.ok ? ok(candidates(set.value, algorithm, keyId)) : set;
    },
  };
}

/** Pinned keys change only when somebody changes the record; a client's keys prove nothing about others. */
function isWatched(source: KeySource | TrustRecord): source is TrustRecord {
  return 'issuer' in source && source.jwks === undefined;
}

function changeOf({ seenKeys }: TrustRecord, { thumbprints }: KeySet): Change {
  // A record from before keys were watched: what is seen first is remembered.
  if (seenKeys === undefined) return 'rotated';
  if (seenKeys.length === thumbprints.length && seenKeys.every((seen, at) => seen === thumbprints[at]))
    return 'none';
  return seenKeys.some((seen) => thumbprints.includes(seen)) ? 'rotated' : 'replaced';
}

/** Remembers a rotation. Of several that see it one writes; a set that is older than what is remembered says nothing. */
async function note(context: WatchContext, { issuer }: TrustRecord, set: KeySet): Promise<void> {
  const found = await context.repository.trustRecord(issuer);
  if (found?.value.status !== 'active' || changeOf(found.value, set) !== 'rotated') return;
  if (set.fetchedAt < (found.value.keysSeenAt ?? 0)) return;
  const record: TrustRecord = { ...found.value, seenKeys: set.thumbprints, keysSeenAt: set.fetchedAt };
  await context.repository.commit([
    ...context.issuers.save({ ...found, isClaim: false }, record),
    ...context.audit.writes({
      action: 'issuer.keys-rotate',
      outcome: 'allowed',
      [partyKind(record.owner)]: partyId(record.owner),
      detail: { issuer, before: found.value.seenKeys ?? [], after: set.thumbprints },
    }),
  ]);
}

/**
 * Nothing in common, as far as is known here. Before that counts, both sides are read as they are now: another replica may have
 * seen the rotation in between, or the set at hand may be the old one.
 */
async function settle(
  context: WatchContext,
  issuerKeys: IssuerKeys,
  known: TrustRecord,
): Promise<Result<KeySet, KeySetProblem>> {
  const fresh = await issuerKeys.read(known, { isFresh: true });
  if (!fresh.ok) return fresh;
  const set = fresh.value;
  const found = await context.repository.trustRecord(known.issuer);
  if (found?.value.status !== 'active' || found.value.jwksUri !== known.jwksUri) return err('keys_replaced');
  if (changeOf(found.value, set) !== 'replaced') {
    await note(context, found.value, set);
    return ok(set);
  }
  if (set.fetchedAt < (found.value.keysSeenAt ?? 0)) return err('keys_unreachable');
  const { owner, issuer, id } = found.value;
  const record: TrustRecord = {
    ...found.value,
    status: 'keys_replaced',
    reason: 'All published keys were replaced at once.',
    challenge: newChallenge(),
  };
  await context.repository.commit([
    ...context.issuers.save({ ...found, isClaim: false }, record),
    ...context.audit.writes({
      action: 'issuer.keys-replace',
      outcome: 'refused',
      reason: 'keys_replaced',
      [partyKind(owner)]: partyId(owner),
      detail: { issuer, trusted: found.value.seenKeys ?? [], published: set.thumbprints },
    }),
    ...(await context.events.writes('issuer.keys-replaced.v1', { issuer: id, owner })),
  ]);
  return err('keys_replaced');
}
