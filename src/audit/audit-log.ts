import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Page, Store, Write } from '../storage/port.ts';
import { type Shards, shardsOf } from '../storage/shards.ts';

/** One decision or change. Never holds a token, a key or an assertion: ids and digests of them at most. */
export interface AuditEntry {
  /** What was attempted: `noun.verb`, such as `token.exchange`, `agreement.revoke`. */
  readonly action: string;
  readonly outcome: 'allowed' | 'refused';
  /** The rule or error code that decided. */
  readonly reason?: string;
  /** Who: a client id, or `operator`. */
  readonly actor?: string;
  readonly client?: string;
  readonly tenant?: string;
  readonly provider?: string;
  /** `provider/agent`. */
  readonly agent?: string;
  readonly txn?: string;
  /** The inputs that mattered, small and flat. */
  readonly detail?: Readonly<Record<string, JsonValue>>;
  /** Inputs that tell of other parties, such as that an id is somebody else's: the operator alone reads them. */
  readonly restricted?: Readonly<Record<string, JsonValue>>;
}

export interface AuditRecord extends AuditEntry {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

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
   * Newest first. With several filters, the narrowest (`txn`, `client`, `tenant`, `provider`) is walked, unless `view` says which,
   * and the rest applied.
   */
  list(query: AuditQuery): Promise<Page<AuditRecord>>;
}

export function auditActor(principal: Principal): string {
  return principal.kind === 'operator' ? 'operator' : principal.clientId;
}

const indexed = ['txn', 'client', 'tenant', 'provider'] as const;

type View = (typeof indexed)[number];

/** Entries come in the order of time from everywhere at once: each list is spread as far as its busiest writers need. */
const spread = { provider: 8, tenant: 8, client: 4, txn: 1 } as const satisfies Record<View, number>;
const all = shardsOf('audit', 16);

function shardsOfView(view: View, value: string | undefined): Shards {
  return shardsOf(`audit-${view}#${value}`, spread[view]);
}

export function createAudit(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}): Audit {
  function writes(entry: AuditEntry): readonly Write[] {
    const record: AuditRecord = { id: deps.ids.next('aud'), at: deps.clock.now(), ...entry };
    const views = indexed.flatMap((field) => {
      const value = entry[field];
      return value === undefined ? [] : [shardsOfView(field, value)];
    });
    return [all, ...views].map((shards) => ({
      op: 'put',
      partition: shards.of(record.id),
      sort: record.id,
      value: record,
    }));
  }

  return {
    writes,

    async record(entry) {
      await deps.store.commit(writes(entry));
    },

    async list(query) {
      const view = query.view ?? indexed.find((field) => query[field] !== undefined);
      const shards = view === undefined ? all : shardsOfView(view, query[view]);
      const page = await deps.store.list<AuditRecord>(shards.all, {
        reverse: true,
        limit: query.limit ?? 50,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      const items = page.items.filter(({ value }) =>
        indexed.every((field) => query[field] === undefined || value[field] === query[field]),
      );
      return page.cursor === undefined ? { items } : { items, cursor: page.cursor };
    },
  };
}
