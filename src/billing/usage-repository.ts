import { BoundedCache } from '../kernel/bounded-cache.ts';
import { maxKeysPerRead, type Store, type Write } from '../storage/port.ts';
import { type Shards, shardsOf } from '../storage/shards.ts';
import { commitAll } from './line-pages.ts';
import { everything, type Listed, type PageRequest } from './paging.ts';
import type { PeriodKey } from './period.ts';
import type { UsageRecord } from './usage-record.ts';

interface KeyRecord {
  /** Of what the sender said, without when we heard it. */
  readonly digest: string;
  readonly period: PeriodKey;
}

/** A busy tenant's usage of a month comes in the order of time: one partition would not take all of it (docs/dynamodb.md). */
export function usageShards(period: PeriodKey, tenant: string): Shards {
  return shardsOf(`usage#${period}#${tenant}`, 16);
}

/** Keys: see docs/storage/billing.md. */
export function createUsageRepository(store: Store) {
  /** Period, tenant and provider whose index records are surely there. They are written once per process, and never go. */
  const indexed = new BoundedCache<true>(50_000);
  const keyOf = (key: string) => ({ partition: `usage-key#${key}`, sort: 'key' });
  const periodIndex = (period: PeriodKey) => ({ partition: 'usage-periods', sort: period });

  async function* ofTenant(period: PeriodKey, tenant: string, prefix?: string): AsyncGenerator<UsageRecord> {
    for (const shard of usageShards(period, tenant).all)
      for await (const { value } of everything<UsageRecord>(store, shard, prefix)) yield value;
  }

  return {
    /** Digest of each fact that is in the ledger, by its key. */
    digests: async (keys: readonly string[]): Promise<ReadonlyMap<string, string>> => {
      const known = new Map<string, string>();
      for (let start = 0; start < keys.length; start += maxKeysPerRead) {
        const asked = keys.slice(start, start + maxKeysPerRead);
        const found = await store.getMany<KeyRecord>(asked.map(keyOf));
        for (const [index, record] of found.entries())
          if (record !== undefined) known.set(asked[index] ?? '', record.value.digest);
      }
      return known;
    },

    /** Before the facts, so that none is ever without its index; an index without facts does no harm. */
    writeIndexes: async (facts: readonly UsageRecord[]): Promise<void> => {
      const fresh = new Map<string, UsageRecord>();
      for (const fact of facts) {
        const name = `${fact.period} ${fact.tenant} ${fact.provider}`;
        if (indexed.get(name) === undefined) fresh.set(name, fact);
      }
      if (fresh.size === 0) return;
      const writes = new Map<string, Write>();
      for (const { period, tenant, provider } of fresh.values())
        for (const place of [
          periodIndex(period),
          { partition: `usage-tenants#${period}`, sort: tenant },
          { partition: `usage-tenants-of#${period}#${provider}`, sort: tenant },
        ])
          writes.set(`${place.partition} ${place.sort}`, { op: 'put', ...place, value: null });
      await commitAll(store, [...writes.values()]);
      for (const name of fresh.keys()) indexed.set(name, true);
    },

    insertFact: (record: UsageRecord, digest: string): readonly Write[] => {
      const { period, tenant, agent, at, key } = record;
      const sort = `${agent}#${String(at).padStart(14, '0')}#${key}`;
      return [
        { op: 'putIfAbsent', ...keyOf(key), value: { digest, period } satisfies KeyRecord },
        { op: 'put', partition: usageShards(period, tenant).of(key), sort, value: record },
      ];
    },

    /** Makes a commit fail when the period has got usage since it was found to have none. */
    requireUnused: (period: PeriodKey): Write => ({ op: 'check', ...periodIndex(period), version: null }),

    listPeriods: async (page: PageRequest): Promise<Listed<PeriodKey>> => {
      const { items, cursor } = await store.list<null>('usage-periods', page);
      const periods = items.map(({ sort }) => sort);
      return cursor === undefined ? { items: periods } : { items: periods, cursor };
    },
    /** Periods that have usage, in order. */
    periods: async (): Promise<readonly PeriodKey[]> => {
      const found: PeriodKey[] = [];
      for await (const { sort } of everything<null>(store, 'usage-periods')) found.push(sort);
      return found;
    },
    /** Tenants with usage in the period, in order. */
    async *tenants(period: PeriodKey): AsyncGenerator<string> {
      for await (const { sort } of everything<null>(store, `usage-tenants#${period}`)) yield sort;
    },
    /** What posts to the period, in no particular order. */
    ofTenant: (period: PeriodKey, tenant: string, agent?: string): AsyncGenerator<UsageRecord> =>
      ofTenant(period, tenant, agent === undefined ? undefined : `${agent}#`),
    async *ofProvider(period: PeriodKey, provider: string, agent?: string): AsyncGenerator<UsageRecord> {
      const prefix = agent === undefined ? `${provider}/` : `${agent}#`;
      for await (const { sort: tenant } of everything<null>(store, `usage-tenants-of#${period}#${provider}`))
        yield* ofTenant(period, tenant, prefix);
    },
  };
}

export type UsageRepository = ReturnType<typeof createUsageRepository>;
