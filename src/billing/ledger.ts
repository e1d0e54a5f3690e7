import { canonicalJson } from '../kernel/canonical-json.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { maxKeysPerRead, type Store, type Write } from '../storage/port.ts';
import { type PeriodKey, periodOf, type Periods } from './period.ts';

/** One fact of usage. Appended once, never changed. */
export interface UsageRecord {
  /** SHA-256 over the length-prefixed ledger, source and id: what makes it one fact, whenever and however often it is told. */
  readonly key: string;
  readonly kind: 'observed' | 'reported';
  readonly id: string;
  readonly source: string;
  readonly tenant: string;
  readonly provider: string;
  /** `provider/agent` */
  readonly agent: string;
  readonly callId: string;
  readonly txn: string;
  readonly delegationId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly recordedAt: number;
  /** Meter → canonical decimal. */
  readonly quantities: Readonly<Record<string, string>>;
  readonly dimensions?: Readonly<Record<string, string>>;
  /** The period whose invoice has it. */
  readonly period: PeriodKey;
  /** The period in which it happened. Earlier than `period` for what came too late. */
  readonly chargePeriod: PeriodKey;
}

/** A fact before it is known to which period it posts. */
export type NewUsage = Omit<UsageRecord, 'period' | 'chargePeriod'>;

export type Appended = 'accepted' | 'duplicate' | 'conflict';

interface KeyRecord {
  /** Of what the sender said, without when we heard it. */
  readonly digest: string;
  readonly period: PeriodKey;
}

export function usageKey(source: string, id: string): string {
  return sha256(lengthPrefixed('usage', source, id));
}

/** Three records a fact, and room for guards and what is written alongside. */
const factsPerCommit = 30;
const maxAttempts = 10;

export interface Ledger {
  /** For each, in order, what became of it. Durable when resolved. */
  append(facts: readonly NewUsage[]): Promise<readonly Appended[]>;
  /**
   * All new facts and `alongside` in one commit, known facts left out; or nothing, when a write of `alongside` does not hold.
   * At most {@link factsPerCommit} facts.
   */
  appendWith(
    facts: readonly NewUsage[],
    alongside: readonly Write[],
  ): Promise<{ ok: true; written: ReadonlySet<string> } | { ok: false; failedAlongside: readonly number[] }>;
  /** Tenants with usage in the period, in order. */
  tenants(period: PeriodKey): AsyncIterable<string>;
  /** What posts to the period, by agent, time and key. */
  ofTenant(period: PeriodKey, tenant: string, agent?: string): AsyncIterable<UsageRecord>;
  ofProvider(period: PeriodKey, provider: string, agent?: string): AsyncIterable<UsageRecord>;
  /** Periods that have usage, in order. */
  periods(): Promise<readonly PeriodKey[]>;
}

export function createLedger(deps: { readonly store: Store; readonly periods: Periods }): Ledger {
  const { store, periods } = deps;
  /** Index records that are surely there. They are written once per process and period, and never go. */
  const indexed = new Set<string>();

  const keyOf = (key: string) => ({ partition: `usage-key#${key}`, sort: 'key' });

  /** Before the facts, so that none is ever without its index; an index without facts does no harm. */
  async function writeIndexes(facts: readonly UsageRecord[]): Promise<void> {
    const places = new Map<string, Write>();
    for (const { period, tenant } of facts)
      for (const place of [
        { partition: 'usage-periods', sort: period },
        { partition: `usage-tenants#${period}`, sort: tenant },
      ]) {
        const name = `${place.partition} ${place.sort}`;
        if (!indexed.has(name)) places.set(name, { op: 'put', ...place, value: null });
      }
    if (places.size === 0) return;
    await store.commit([...places.values()]);
    for (const name of places.keys()) indexed.add(name);
  }

  function writesOf(record: UsageRecord): readonly Write[] {
    const { period, tenant, provider, agent, at, key } = record;
    const moment = `${String(at).padStart(14, '0')}#${key}`;
    return [
      { op: 'putIfAbsent', ...keyOf(key), value: { digest: digestOf(record), period } satisfies KeyRecord },
      { op: 'put', partition: `usage#${period}#${tenant}`, sort: `${agent}#${moment}`, value: record },
      {
        op: 'put',
        partition: `usage-provider#${period}#${provider}`,
        sort: `${agent}#${moment}`,
        value: record,
      },
    ];
  }

  async function place(facts: readonly NewUsage[]) {
    const guards = new Map<PeriodKey, Write>();
    const opened = new Map<PeriodKey, PeriodKey>();
    const records: UsageRecord[] = [];
    for (const fact of facts) {
      const chargePeriod = periodOf(fact.at);
      let period = opened.get(chargePeriod);
      if (period === undefined) {
        const open = await periods.openFor(chargePeriod);
        period = open.period;
        opened.set(chargePeriod, period);
        guards.set(period, open.guard);
      }
      records.push({ ...fact, period, chargePeriod });
    }
    return { records, guards: [...guards.values()] };
  }

  async function knownDigests(facts: readonly NewUsage[]): Promise<readonly (string | undefined)[]> {
    const found = [];
    for (let start = 0; start < facts.length; start += maxKeysPerRead)
      found.push(
        ...(await store.getMany<KeyRecord>(
          facts.slice(start, start + maxKeysPerRead).map(({ key }) => keyOf(key)),
        )),
      );
    return found.map((record) => record?.value.digest);
  }

  async function appendWith(facts: readonly NewUsage[], alongside: readonly Write[]) {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const known = await knownDigests(facts);
      const { records, guards } = await place(facts.filter((_, index) => known[index] === undefined));
      await writeIndexes(records);
      const written = new Set(records.map(({ key }) => key));
      const writes = [...alongside, ...guards, ...records.flatMap(writesOf)];
      if (writes.length === 0) return { ok: true, written } as const;
      const commit = await store.commit(writes);
      if (commit.ok) return { ok: true, written } as const;
      const failedAlongside = commit.failed.filter((index) => index < alongside.length);
      if (failedAlongside.length > 0) return { ok: false, failedAlongside } as const;
      // A close began, or somebody told the same fact at the same moment: look again.
    }
    throw new Error('usage could not be appended: others keep changing the same facts');
  }

  async function appendChunk(facts: readonly NewUsage[]): Promise<readonly Appended[]> {
    const outcome = await appendWith(facts, []);
    const written = outcome.ok ? outcome.written : new Set<string>();
    // Whoever was first with a key: its digest is now on record.
    const digests = written.size === facts.length ? [] : await knownDigests(facts);
    return facts.map((fact, index) => {
      if (written.has(fact.key)) return 'accepted';
      return digests[index] === digestOf(fact) ? 'duplicate' : 'conflict';
    });
  }

  return {
    appendWith,

    async append(facts) {
      // The same key twice in one batch: the first one counts, the others are told what they are.
      const firsts = new Map<string, NewUsage>();
      for (const fact of facts) if (!firsts.has(fact.key)) firsts.set(fact.key, fact);
      const distinct = [...firsts.values()];
      const chunks: Promise<readonly Appended[]>[] = [];
      for (let start = 0; start < distinct.length; start += factsPerCommit)
        chunks.push(appendChunk(distinct.slice(start, start + factsPerCommit)));
      const outcomes = (await Promise.all(chunks)).flat();
      const byKey = new Map(distinct.map(({ key }, index) => [key, outcomes[index] ?? 'conflict']));
      return facts.map((fact) => {
        const first = firsts.get(fact.key);
        const outcome = byKey.get(fact.key) ?? 'conflict';
        if (first === fact || first === undefined || outcome === 'conflict') return outcome;
        return digestOf(first) === digestOf(fact) ? 'duplicate' : 'conflict';
      });
    },

    async *tenants(period) {
      for await (const { sort } of all<null>(store, `usage-tenants#${period}`)) yield sort;
    },
    async *ofTenant(period, tenant, agent) {
      for await (const { value } of all<UsageRecord>(store, `usage#${period}#${tenant}`, agent)) yield value;
    },
    async *ofProvider(period, provider, agent) {
      for await (const { value } of all<UsageRecord>(store, `usage-provider#${period}#${provider}`, agent))
        yield value;
    },
    async periods() {
      const found: PeriodKey[] = [];
      for await (const { sort } of all<null>(store, 'usage-periods')) found.push(sort);
      return found;
    },
  };
}

/** What the sender said: the same fact told again has the same digest. */
function digestOf({ recordedAt: _, ...fact }: NewUsage | UsageRecord): string {
  const { period: __, chargePeriod: ___, ...told } = fact as Partial<UsageRecord>;
  return sha256(canonicalJson(told));
}

async function* all<T>(store: Store, partition: string, agent?: string) {
  let cursor: string | undefined;
  do {
    const page = await store.list<T>(partition, {
      limit: 1000,
      ...(agent === undefined ? {} : { sortPrefix: `${agent}#` }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
