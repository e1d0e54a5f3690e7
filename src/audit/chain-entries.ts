import type { Ids } from '../kernel/ids.ts';
import type { Store, Write } from '../storage/port.ts';
import { createAuditRepository, isEntryPartition } from './audit-repository.ts';
import { type AuditRecord, type ChainLink, entryHash, type Place, type Skipped } from './entry.ts';

/** More than this many failed commits that no entry told of yet: the log ends, and another begins after it. */
const maxSkipped = 50;

/**
 * The same store; links every audit entry that is committed through it to the one before. It costs a hash and no further
 * write, and commits still go on side by side: what that proves, and what not, says docs/adr/0010-audit-chain.md.
 */
export function chainEntries(store: Store, ids: Ids): Store {
  let log: Log | undefined;
  let opening: Promise<Log> | undefined;

  function open(): Promise<Log> {
    opening ??= lastOfEach(store)
      .then((after) => (log = newLog(ids.next('log'), after)))
      .finally(() => (opening = undefined));
    return opening;
  }

  return {
    ...store,
    async commit(writes) {
      if (!writes.some(isEntry)) return store.commit(writes);
      const into = log === undefined || log.skipped.length > maxSkipped ? await open() : log;
      const linked: Linked[] = [];
      const chained = writes.map((write) => {
        if (!isEntry(write)) return write;
        const { value, place } = link(into, write.value);
        linked.push(place);
        return { ...write, value };
      });
      let isWritten = false;
      try {
        const commit = await store.commit(chained);
        isWritten = commit.ok;
        return commit;
      } finally {
        for (const place of linked) settle(into, place, isWritten);
      }
    },
  };
}

interface Log {
  readonly id: string;
  seq: number;
  prev: string;
  /** In order: not answered by the store yet, or failed and not told of by an entry that is on record. */
  readonly unsettled: Set<number>;
  skipped: readonly Skipped[];
  readonly after: readonly Place[];
}

function newLog(id: string, after: readonly Place[]): Log {
  return { id, seq: 0, prev: '', unsettled: new Set(), skipped: [], after };
}

interface Linked extends Skipped {
  /** What the entry tells was skipped; when it is not written itself, the next one has to. */
  readonly told: readonly Skipped[];
}

function link(log: Log, entry: AuditRecord): { readonly value: AuditRecord; readonly place: Linked } {
  const told = log.skipped;
  log.skipped = [];
  const seq = ++log.seq;
  log.unsettled.add(seq);
  const [firstUnsettled = seq] = log.unsettled;
  const chain: ChainLink = {
    log: log.id,
    seq,
    prev: log.prev,
    settled: firstUnsettled - 1,
    ...(told.length === 0 ? {} : { skipped: told }),
    ...(seq > 1 || log.after.length === 0 ? {} : { after: log.after }),
  };
  const value = { ...entry, chain };
  log.prev = entryHash(value);
  return { value, place: { seq, hash: log.prev, told } };
}

function settle(log: Log, { seq, hash, told }: Linked, isWritten: boolean): void {
  if (isWritten)
    for (const settled of [seq, ...told.map((place) => place.seq)]) log.unsettled.delete(settled);
  else log.skipped = [...log.skipped, ...told, { seq, hash }];
}

type EntryWrite = Write & { readonly value: AuditRecord };

function isEntry(write: Write): write is EntryWrite {
  return 'value' in write && isEntryPartition(write.partition);
}

/** The last known place of every log that wrote lately. */
async function lastOfEach(store: Store): Promise<readonly Place[]> {
  const last = new Map<string, Place>();
  const { items } = await createAuditRepository(store).newestFirst({ limit: 100 });
  for (const { value: entry } of items) {
    if (entry.chain === undefined) continue;
    const { log, seq } = entry.chain;
    if ((last.get(log)?.seq ?? 0) < seq) last.set(log, { log, seq, hash: entryHash(entry) });
  }
  return [...last.values()];
}
