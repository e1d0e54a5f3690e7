import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Store, StoredRecord, Write } from '../storage/port.ts';
import type { AuditEntry } from './entry.ts';

/** Of one kind of refusal: this many have an entry each in a window, those after them one together. */
export const singlyInWindow = 10;
export const windowMs = 60_000;
/** A tally that nobody has touched for so long was left by a process that is gone. */
const leftAfterMs = 5 * windowMs;
/** Kinds are ours to choose, so few; this holds even if one day they were not. */
const maxKinds = 200;

const partition = 'audit-tally';

/** As it is stored while its window is open. Epoch milliseconds. */
interface TallyRecord {
  readonly entry: AuditEntry;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

interface Tally {
  readonly id: string;
  readonly entry: AuditEntry;
  readonly from: number;
  to: number;
  /** Of those that have an entry each. */
  singly: number;
  /** Of all others. */
  count: number;
  saved: number;
  saving: Promise<void> | undefined;
  closing: Promise<void> | undefined;
}

export interface RefusalTally {
  /**
   * Durable when resolved: as an entry of its own, or in the count of its kind. `entry` must not name anybody: what it tells is the
   * same for all of one `action` and `reason`.
   */
  record(entry: AuditEntry): Promise<void>;
  /** Turns windows that are over, and what a process left that is gone, into an entry each. */
  tidy(): Promise<void>;
  /** Turns all windows of this process into entries. */
  close(): Promise<void>;
}

/**
 * Refusals of callers whom nobody has authenticated, so that they cannot fill the log: see docs/adr/0012-refusals-of-strangers.md.
 * The count is written before each answer, several answers at a time, over the count before: many requests, one small record.
 */
export function createRefusalTally(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly writes: (entry: AuditEntry) => readonly Write[];
}): RefusalTally {
  const { store, clock } = deps;
  const open = new Map<string, Tally>();

  function tallyOf(entry: AuditEntry): Tally {
    const known = `${entry.action} ${entry.reason}`;
    const kind = open.has(known) || open.size < maxKinds ? known : entry.action;
    const found = open.get(kind);
    const now = clock.now();
    if (found !== undefined && now >= found.from && now - found.from < windowMs) return found;
    if (found !== undefined) closeQuietly(found);
    const made: Tally = {
      id: deps.ids.next('tly'),
      entry,
      from: now,
      to: now,
      singly: 0,
      count: 0,
      saved: 0,
      saving: undefined,
      closing: undefined,
    };
    open.set(kind, made);
    return made;
  }

  async function save(tally: Tally): Promise<void> {
    const { count, to } = tally;
    const value: TallyRecord = { entry: tally.entry, count, from: tally.from, to };
    await store.commit([{ op: 'put', partition, sort: tally.id, value }]);
    tally.saved = count;
  }

  /** Until what was counted by now is durable. Whoever comes while one write is under way shares the next. */
  async function settle(tally: Tally): Promise<void> {
    const own = tally.count;
    while (tally.saved < own) {
      if (tally.closing !== undefined) return tally.closing;
      tally.saving ??= save(tally).finally(() => (tally.saving = undefined));
      await tally.saving;
    }
  }

  function close(tally: Tally): Promise<void> {
    tally.closing ??= (async () => {
      await tally.saving?.catch(() => undefined);
      if (tally.count > 0)
        await store.commit([{ op: 'delete', partition, sort: tally.id }, ...deps.writes(summary(tally))]);
    })();
    return tally.closing;
  }

  /** What cannot be written now is still there as a count, and becomes an entry later. */
  function closeQuietly(tally: Tally): void {
    close(tally).catch(() => undefined);
  }

  async function adopt({ sort, version, value }: StoredRecord<TallyRecord>): Promise<void> {
    if (clock.now() - value.to < leftAfterMs) return;
    // Of several processes that find it one turns it into an entry.
    await store.commit([{ op: 'delete', partition, sort, version }, ...deps.writes(summary(value))]);
  }

  return {
    async record(entry) {
      const tally = tallyOf(entry);
      tally.to = clock.now();
      if (tally.singly < singlyInWindow) {
        tally.singly++;
        await store.commit(deps.writes(entry));
        return;
      }
      tally.count++;
      await settle(tally);
    },

    async tidy() {
      const now = clock.now();
      const over = [...open].filter(([, { from }]) => now - from >= windowMs);
      for (const [kind] of over) open.delete(kind);
      await Promise.all(over.map(([, tally]) => close(tally)));
      const left = await store.list<TallyRecord>(partition, { limit: maxKinds });
      for (const record of left.items) await adopt(record);
    },

    async close() {
      const all = [...open.values()];
      open.clear();
      await Promise.all(all.map(close));
    },
  };
}

function summary({ entry, count, from, to }: TallyRecord): AuditEntry {
  const times = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  return { ...entry, detail: { ...entry.detail, count, ...times } };
}
