import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Key, Store, Write } from './port.ts';

/**
 * One worker at a time for a named job, over all processes that share a store.
 *
 * Time is compared only with itself, on one machine: whoever wants a lease that another holds watches its record, and takes
 * it when the record has stood still for the whole term. So clocks may differ by any amount; they must only run at about the
 * same rate. A process that was stopped for longer than the term (a suspended machine, a stepped clock) may still believe
 * that it holds the lease: that is what the fence is for. A commit that carries it fails once somebody else has taken over.
 * What leaves the store for the outside is not fenced: it may happen twice, and `epoch` tells the two apart.
 */
export interface Leases {
  /** Free, released, or abandoned for a term: taken. `undefined` when somebody else has it: ask again. */
  acquire(name: string): Promise<Lease | undefined>;
  /**
   * Runs the work under the lease, renews it meanwhile and releases it at the end, also when the work throws. `held: false`
   * when somebody else has it: then the work did not run. `lost` aborts before anybody else can have the lease; the work
   * should then end, and what it still commits with the fence fails.
   */
  hold<T>(name: string, work: (lease: Lease, lost: AbortSignal) => Promise<T>): Promise<Held<T>>;
}

export type Held<T> = { readonly held: true; readonly value: T } | { readonly held: false };

export interface Lease {
  readonly name: string;
  /** One more than the holder before had. */
  readonly epoch: number;
  /** Belongs in every commit that only the holder may make. */
  readonly fence: Write;
  /** How long it is still held, by the holder's own time, which ends before anybody else's patience does; 0 when it is lost. */
  remainingMs(): number;
  /** Another term from now on. `false` when it is lost. */
  renew(): Promise<boolean>;
  /** Lets others have it at once. */
  release(): Promise<void>;
}

interface HolderRecord {
  readonly epoch: number;
}

/** Long enough for a slow sync or a pause of the runtime, short enough to wait for after a crash. */
const defaultTermMs = 15_000;
/** The holder gives up before others may take over: timers fire late, and clocks do not run at quite the same rate. */
const ownShare = 0.9;
const renewalsPerTerm = 3;
const watchedNames = 10_000;

export function createLeases(deps: {
  readonly store: Store;
  readonly clock: Clock;
  /** How long a lease lasts without renewal, in ms. The same in all processes. */
  readonly termMs?: number;
}): Leases {
  const { store, clock, termMs = defaultTermMs } = deps;
  /** Of leases that others hold: since when their record has stood still, as seen from here. */
  const watched = new BoundedCache<{ readonly version: string; readonly since: number }>(watchedNames);

  function isAbandoned(name: string, version: string): boolean {
    const now = clock.now();
    const seen = watched.get(name);
    // A clock that was set back would wait for ever: it begins to watch anew.
    if (seen?.version === version && seen.since <= now) return now - seen.since >= termMs;
    watched.set(name, { version, since: now });
    return false;
  }

  async function acquire(name: string): Promise<Lease | undefined> {
    const [holderKey, epochKey] = keysOf(name);
    const [holder, before] = await store.getMany<HolderRecord>([holderKey, epochKey]);
    if (holder !== undefined && !isAbandoned(name, holder.version)) return undefined;
    const epoch = (before?.value.epoch ?? 0) + 1;
    const value: HolderRecord = { epoch };
    const startedAt = clock.now();
    const commit = await store.commit([
      unchanged(holderKey, holder?.version, value),
      unchanged(epochKey, before?.version, value),
    ]);
    if (!commit.ok) return undefined;
    watched.delete(name);
    return leaseOf(name, epoch, commit.version, startedAt);
  }

  function leaseOf(name: string, epoch: number, taken: string, startedAt: number): Lease {
    const [holderKey, epochKey] = keysOf(name);
    let version: string | undefined = taken;
    let heldUntil = startedAt + termMs * ownShare;
    let renewing: Promise<boolean> | undefined;

    async function renew(): Promise<boolean> {
      if (version === undefined) return false;
      const from = clock.now();
      const value: HolderRecord = { epoch };
      const commit = await store.commit([{ op: 'putIfVersion', ...holderKey, version, value }]);
      version = commit.ok ? commit.version : undefined;
      heldUntil = from + termMs * ownShare;
      return commit.ok;
    }

    return {
      name,
      epoch,
      // Renewing does not touch this record, so that it cannot fail a commit that was made ready before.
      fence: { op: 'check', ...epochKey, version: taken },
      remainingMs: () => (version === undefined ? 0 : Math.max(0, heldUntil - clock.now())),
      // Two at once would each take the other for a stranger.
      renew: () => (renewing ??= renew().finally(() => (renewing = undefined))),
      async release() {
        if (version !== undefined) await store.commit([{ op: 'delete', ...holderKey, version }]);
        version = undefined;
      },
    };
  }

  return {
    acquire,

    async hold(name, work) {
      const lease = await acquire(name);
      if (lease === undefined) return { held: false };
      const lost = new AbortController();
      const stopRenewing = keepRenewing(lease, termMs / renewalsPerTerm, () =>
        lost.abort(new Error(`the lease ${name} is lost`)),
      );
      try {
        return { held: true, value: await work(lease, lost.signal) };
      } finally {
        await stopRenewing();
        // A lease that cannot be released now ends by itself; the work's outcome matters more.
        await lease.release().catch(() => undefined);
      }
    },
  };
}

/** Answers how to stop; it resolves when no renewal is under way any more. */
function keepRenewing(lease: Lease, everyMs: number, onLost: () => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> = Promise.resolve();

  function tick(): void {
    if (lease.remainingMs() === 0) return onLost();
    renewing = lease.renew().then(
      (held) => {
        if (!held) onLost();
      },
      // The store did not answer: it has the rest of the term to mend.
      () => undefined,
    );
    schedule();
  }

  function schedule(): void {
    timer = setTimeout(tick, Math.min(everyMs, Math.max(1, lease.remainingMs())));
  }

  schedule();
  return async () => {
    clearTimeout(timer);
    await renewing;
  };
}

/** `holder` is there while somebody holds the lease; `epoch` stays, and changes only when the holder does. */
function keysOf(name: string): readonly [holder: Key, epoch: Key] {
  const partition = `lease#${name}`;
  return [
    { partition, sort: 'holder' },
    { partition, sort: 'epoch' },
  ];
}

function unchanged(key: Key, version: string | undefined, value: unknown): Write {
  return version === undefined
    ? { op: 'putIfAbsent', ...key, value }
    : { op: 'putIfVersion', ...key, version, value };
}
