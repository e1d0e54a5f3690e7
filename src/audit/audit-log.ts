import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Page, ScanOptions, Store, Write } from '../storage/port.ts';
import { createAuditRepository, entryWrites, viewFields } from './audit-repository.ts';
import type { AuditEntry, AuditRecord } from './entry.ts';
import { createRefusalTally, windowMs } from './refusal-tally.ts';

export interface AuditQuery {
  readonly tenant?: string;
  readonly provider?: string;
  readonly client?: string;
  readonly txn?: string;
  /** The view that is walked, which must be filtered by: a party's own, so that the cursor tells it nothing of others. */
  readonly view?: 'tenant' | 'provider';
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Audit {
  /**
   * The writes of one entry, to be committed together with what it reports, so that neither exists without the other.
   * At most five writes, none of which can fail.
   */
  writes(entry: AuditEntry): readonly Write[];
  /** Durable when resolved: for refusals, which change nothing else. */
  record(entry: AuditEntry): Promise<void>;
  /**
   * The same, for a refusal of somebody who was not authenticated and whom the entry does not name: of many of one `action` and
   * `reason`, one entry tells the count.
   */
  recordStranger(entry: AuditEntry): Promise<void>;
  /** From now on counts become entries when their time is over. The returned function ends that, and makes the rest entries. */
  watchTallies(): () => Promise<void>;
  /**
   * Newest first. With several filters, the narrowest (`txn`, `client`, `tenant`, `provider`) is walked, unless `view` says which,
   * and the rest applied.
   */
  list(query: AuditQuery): Promise<Page<AuditRecord>>;
  /** All as they are stored, oldest first: to check the chain by. */
  export(page: ScanOptions): Promise<Page<AuditRecord>>;
}

export function auditActor(principal: Principal): string {
  return principal.kind === 'operator' ? 'operator' : principal.clientId;
}

export function createAudit(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}): Audit {
  const repository = createAuditRepository(deps.store);
  const writes = (entry: AuditEntry) =>
    entryWrites({ id: deps.ids.next('aud'), at: deps.clock.now(), ...entry });

  const tally = createRefusalTally({ ...deps, writes });

  return {
    writes,

    async record(entry) {
      await deps.store.commit(writes(entry));
    },

    recordStranger: (entry) => tally.record(entry),

    watchTallies() {
      // What fails is still there as a count, and tried again.
      const timer = setInterval(() => void tally.tidy().catch(() => undefined), windowMs);
      timer.unref();
      return () => {
        clearInterval(timer);
        return tally.close();
      };
    },

    async list(query) {
      const page = {
        limit: query.limit ?? 50,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      };
      const view = query.view ?? viewFields.find((field) => query[field] !== undefined);
      const { items, cursor } =
        view === undefined
          ? await repository.newestFirst(page)
          : await repository.ofView(view, query[view] ?? '', page);
      const fitting = items.filter(({ value }) =>
        viewFields.every((field) => query[field] === undefined || value[field] === query[field]),
      );
      return cursor === undefined ? { items: fitting } : { items: fitting, cursor };
    },

    export: (page) => repository.oldestFirst(page),
  };
}
