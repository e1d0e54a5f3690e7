import { maxKeysPerRead, type Page, type ScanOptions, type Store, type Write } from '../storage/port.ts';
import { type Shards, shardsOf } from '../storage/shards.ts';
import type { AuditRecord } from './entry.ts';

/** By which a list can be narrowed, the narrowest first. */
export const viewFields = ['txn', 'client', 'tenant', 'provider'] as const;

export type View = (typeof viewFields)[number];

/** Entries come in the order of time from everywhere at once: each list is spread as far as its busiest writers need. */
const spread = { provider: 8, tenant: 8, client: 4, txn: 1 } as const satisfies Record<View, number>;
const all = shardsOf('audit', 16);

function shardsOfView(view: View, value: string): Shards {
  return shardsOf(`audit-${view}#${value}`, spread[view]);
}

export function isEntryPartition(partition: string): boolean {
  return partition.startsWith('audit#');
}

/** The entry once, and its id in each of its views. None of the writes can fail. */
export function entryWrites(record: AuditRecord): readonly Write[] {
  const { id } = record;
  const writes: Write[] = [{ op: 'put', partition: all.of(id), sort: id, value: record }];
  for (const view of viewFields) {
    const value = record[view];
    if (value !== undefined)
      writes.push({ op: 'put', partition: shardsOfView(view, value).of(id), sort: id, value: null });
  }
  return writes;
}

/** Keys: see docs/storage/audit.md. */
export function createAuditRepository(store: Store) {
  async function withIds(ids: Page<unknown>): Promise<Page<AuditRecord>> {
    const keys = ids.items.map(({ sort }) => ({ partition: all.of(sort), sort }));
    const pieces = Array.from({ length: Math.ceil(keys.length / maxKeysPerRead) }, (_, index) =>
      store.getMany<AuditRecord>(keys.slice(index * maxKeysPerRead, (index + 1) * maxKeysPerRead)),
    );
    const items = (await Promise.all(pieces)).flat().filter((found) => found !== undefined);
    return ids.cursor === undefined ? { items } : { items, cursor: ids.cursor };
  }

  return {
    newestFirst: (page: ScanOptions): Promise<Page<AuditRecord>> =>
      store.list<AuditRecord>(all.all, { ...page, reverse: true }),
    oldestFirst: (page: ScanOptions): Promise<Page<AuditRecord>> => store.list<AuditRecord>(all.all, page),
    /** Newest first. */
    ofView: async (view: View, value: string, page: ScanOptions): Promise<Page<AuditRecord>> =>
      withIds(await store.list<null>(shardsOfView(view, value).all, { ...page, reverse: true })),
  };
}
