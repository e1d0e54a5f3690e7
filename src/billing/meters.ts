import { type Audit, auditActor } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Store } from '../storage/port.ts';
import type { BillingErrorCode } from './errors.ts';
import type { Listed, PageRequest } from './paging.ts';

export interface Meter {
  readonly key: string;
  /** How many quantities become one. `latest`: of the last event, ties by key. */
  readonly aggregation: 'sum' | 'count' | 'max' | 'latest';
  /** For people, such as `calls` or `bytes`. */
  readonly unit: string;
  /** Whose word counts: the broker observes, a provider reports. */
  readonly authority: 'broker' | 'provider';
}

/** What the gateway observes. */
const builtIn: readonly Meter[] = [
  { key: 'calls', unit: 'calls' },
  { key: 'tasks', unit: 'tasks' },
  { key: 'stream_events', unit: 'events' },
  { key: 'bytes_in', unit: 'bytes' },
  { key: 'bytes_out', unit: 'bytes' },
  { key: 'duration_ms', unit: 'ms' },
].map((meter) => ({ ...meter, aggregation: 'sum', authority: 'broker' }));

const builtInByKey = new Map(builtIn.map((meter) => [meter.key, meter]));

export interface Meters {
  /** Whether the gateway measures it. */
  isBuiltIn(key: string): boolean;
  find(key: string): Promise<Meter | undefined>;
  /** The broker's own, then the others by key. */
  list(page: PageRequest): Promise<Listed<Meter>>;
  /** A key means one thing for ever: the same again changes nothing, anything else throws `meter_exists`. */
  define(meter: Meter, by: Principal): Promise<Meter>;
}

const partition = 'meters';
/** Of pages that begin within the broker's own; the store's cursors have no dot. */
const builtInCursor = /^own\.(\d)$/;

export function createMeters(deps: {
  readonly store: Store;
  readonly audit: Audit;
  readonly events: Events;
}): Meters {
  // Definitions never change, so they are remembered.
  const known = new Map(builtInByKey);

  async function find(key: string): Promise<Meter | undefined> {
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const meter = (await deps.store.get<Meter>({ partition, sort: key }))?.value;
    if (meter !== undefined) known.set(key, meter);
    return meter;
  }

  return {
    isBuiltIn: (key) => builtInByKey.has(key),
    find,
    async list({ limit, cursor }) {
      const start = cursor === undefined ? 0 : Number(builtInCursor.exec(cursor)?.[1] ?? builtIn.length);
      const own = builtIn.slice(start, start + limit);
      const left = limit - own.length;
      if (left === 0) return { items: own, cursor: `own.${start + limit}` };
      const fromStore = cursor !== undefined && !builtInCursor.test(cursor) ? { cursor } : {};
      const defined = await deps.store.list<Meter>(partition, { limit: left, ...fromStore });
      const items = [...own, ...defined.items.map(({ value }) => value)];
      return defined.cursor === undefined ? { items } : { items, cursor: defined.cursor };
    },
    async define(meter, by) {
      const before = await find(meter.key);
      if (before === undefined) {
        const commit = await deps.store.commit([
          { op: 'putIfAbsent', partition, sort: meter.key, value: meter },
          ...deps.audit.writes({
            action: 'meter.define',
            outcome: 'allowed',
            actor: auditActor(by),
            detail: { meter: meter.key, aggregation: meter.aggregation, authority: meter.authority },
          }),
          ...(await deps.events.writes('meter.defined.v1', {
            meter: meter.key,
            aggregation: meter.aggregation,
            authority: meter.authority,
          })),
        ]);
        if (commit.ok) return meter;
      }
      const existing = await find(meter.key);
      if (existing !== undefined && isSame(existing, meter)) return existing;
      throw new Fault<BillingErrorCode>(
        'meter_exists',
        `The meter ${meter.key} means something else already. Choose another key.`,
      );
    },
  };
}

function isSame(a: Meter, b: Meter): boolean {
  return a.aggregation === b.aggregation && a.unit === b.unit && a.authority === b.authority;
}
