import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { type Key, maxKeysPerRead, type Store, type Write } from '../storage/port.ts';

export type OwnedKind = 'task' | 'context';

/** Whose a task or context is, and which deployment has it. Written once, never changed. */
export interface Owner {
  readonly tenant: string;
  readonly deployment: string;
  readonly at: number;
}

/** One thing that an agent named. Ids are unique within an agent, whichever deployment made them. */
export interface OwnedId {
  readonly kind: OwnedKind;
  readonly id: string;
}

export interface Ownership {
  /** In the order of `ids`. */
  find(agent: string, ids: readonly OwnedId[]): Promise<readonly (Owner | undefined)[]>;
  /** Fails when somebody has it already. */
  claim(agent: string, id: OwnedId, tenant: string, deployment: string): Write;
  /** Tells that a claim of ours is durable, so that it need not be looked up again. */
  remember(agent: string, id: OwnedId, tenant: string, deployment: string): void;
}

export function createOwnership(deps: { readonly store: Store; readonly clock: Clock }): Ownership {
  // Safe to keep: an owner never changes.
  const known = new BoundedCache<Owner>(50_000);

  return {
    async find(agent, ids) {
      const keys = ids.map((id) => keyOf(agent, id));
      const missing = keys.filter(({ partition }) => known.get(partition) === undefined);
      for (let start = 0; start < missing.length; start += maxKeysPerRead)
        for (const record of await deps.store.getMany<Owner>(missing.slice(start, start + maxKeysPerRead)))
          if (record !== undefined) known.set(record.partition, record.value);
      return keys.map(({ partition }) => known.get(partition));
    },
    claim: (agent, id, tenant, deployment) => ({
      op: 'putIfAbsent',
      ...keyOf(agent, id),
      value: { tenant, deployment, at: deps.clock.now() } satisfies Owner,
    }),
    remember: (agent, id, tenant, deployment) =>
      known.set(keyOf(agent, id).partition, { tenant, deployment, at: deps.clock.now() }),
  };
}

/** Hashed: ids are as long, and hold what characters, as agents please. */
function keyOf(agent: string, { kind, id }: OwnedId): Key {
  return { partition: `a2a-${kind}#${sha256(lengthPrefixed(agent, id))}`, sort: 'owner' };
}
