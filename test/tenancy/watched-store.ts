import { expect } from 'vitest';
import type { Audit, AuditEntry } from '../../src/audit/index.ts';
import { Fault } from '../../src/kernel/fault.ts';
import type { Store, StoredRecord } from '../../src/storage/port.ts';

export interface WatchedStore extends Store {
  /** Every record. */
  snapshot(): Promise<readonly StoredRecord<unknown>[]>;
  /** Runs once, between what the next use case has read and what it commits: somebody else was faster. */
  beforeNextCommit(interfere: () => Promise<unknown>): void;
}

/** The real engine, with a window to see all that it holds and a way to make races certain. */
export function watchStore(inner: Store): WatchedStore {
  let interference: (() => Promise<unknown>) | undefined;

  return {
    ...inner,
    async commit(writes) {
      const interfere = interference;
      interference = undefined;
      await interfere?.();
      return inner.commit(writes);
    },

    async snapshot() {
      const records: StoredRecord<unknown>[] = [];
      let cursor: string | undefined;
      do {
        const page = await inner.scan<unknown>({
          limit: 1000,
          ...(cursor === undefined ? {} : { cursor }),
        });
        records.push(...page.items);
        cursor = page.cursor;
      } while (cursor !== undefined);
      return records;
    },
    beforeNextCommit(interfere) {
      interference = interfere;
    },
  };
}

/** The refusal of an attempt that must leave every record, index and audit entry as it was. */
export async function refusal(store: WatchedStore, attempt: () => Promise<unknown>): Promise<Fault> {
  const before = await store.snapshot();
  const outcome: unknown = await attempt().then(
    (value) => ({ accepted: value }),
    (error: unknown) => error,
  );
  expect(await store.snapshot()).toEqual(before);
  if (outcome instanceof Fault) return outcome;
  throw new Error('this should have been refused with a Fault', { cause: outcome });
}

/** The audit entries, oldest first, without their ids and times. */
export async function trail(audit: Audit): Promise<readonly AuditEntry[]> {
  const { items } = await audit.list({ limit: 500 });
  return items
    .map(({ value }) => {
      const { id: _, at: __, ...entry } = value;
      return entry;
    })
    .toReversed();
}
