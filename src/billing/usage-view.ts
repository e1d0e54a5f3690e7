import { formatDecimal } from '../kernel/decimal.ts';
import { Fault } from '../kernel/fault.ts';
import { Accumulator } from './accumulate.ts';
import type { BillingContext } from './deps.ts';
import { quantityScale } from './money.ts';
import { nextPeriod, type PeriodKey, periodOf } from './period.ts';
import type { UsageRecord } from './usage-record.ts';

export const groupings = ['tenant', 'provider', 'agent', 'meter', 'kind'] as const;
export const windows = ['hour', 'day', 'month'] as const;

export interface UsageQuery {
  readonly tenant?: string;
  readonly provider?: string;
  readonly agent?: string;
  readonly meter?: string;
  /** Epoch milliseconds; `from` inclusive, `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly window?: (typeof windows)[number];
  /** The meter always is one of them: quantities of different meters do not add up. */
  readonly groupBy: readonly (typeof groupings)[number][];
}

export interface UsageRow {
  /** RFC 3339; absent without a window. */
  readonly window?: string;
  readonly tenant?: string;
  readonly provider?: string;
  readonly agent?: string;
  readonly kind?: UsageRecord['kind'];
  readonly meter: string;
  readonly quantity: string;
  readonly events: number;
}

const maxDays = 366;
const maxEvents = 200_000;
const maxRows = 10_000;
/** An event posts to a later period than its own when it came late (35 days) or its period was closed early. */
const laterPeriods = 3;

/** Folds the ledger. Throws `invalid_request` when the question is too large to answer at once. */
export async function viewUsage(context: BillingContext, query: UsageQuery): Promise<readonly UsageRow[]> {
  if (query.to <= query.from || query.to - query.from > maxDays * 86_400_000)
    throw new Fault('invalid_request', `from must be before to, by at most ${maxDays} days.`);
  const rows = new Map<
    string,
    { readonly row: Omit<UsageRow, 'quantity' | 'events'>; readonly sum: Accumulator }
  >();
  let seen = 0;
  for await (const record of recordsFor(context, query)) {
    if (++seen > maxEvents)
      throw new Fault(
        'invalid_request',
        `More than ${maxEvents} events match. Ask for a shorter time or one agent.`,
      );
    if (!fits(record, query)) continue;
    for (const [key, quantity] of Object.entries(record.quantities)) {
      if (query.meter !== undefined && query.meter !== key) continue;
      const row = rowOf(record, key, query);
      const name = JSON.stringify(row);
      let entry = rows.get(name);
      if (entry === undefined) {
        if (rows.size >= maxRows)
          throw new Fault('invalid_request', `The answer has more than ${maxRows} rows. Group by less.`);
        const meter = await context.meters.find(key);
        rows.set(name, (entry = { row, sum: new Accumulator(meter?.aggregation ?? 'sum') }));
      }
      entry.sum.add({ quantity, at: record.at, key: record.key });
    }
  }
  return [...rows.values()]
    .map(({ row, sum }) => ({
      ...row,
      quantity: formatDecimal(sum.value, quantityScale),
      events: sum.events,
    }))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function* recordsFor(context: BillingContext, query: UsageQuery): AsyncIterable<UsageRecord> {
  const last = nextPeriod(periodOf(query.to - 1), laterPeriods);
  const known = await context.usage.periods();
  for (const period of known.filter((candidate) => candidate >= periodOf(query.from) && candidate <= last))
    yield* inPeriod(context, query, period);
}

async function* inPeriod(
  { usage }: BillingContext,
  { tenant, provider, agent }: UsageQuery,
  period: PeriodKey,
): AsyncIterable<UsageRecord> {
  const ofAgent = agent?.slice(0, agent.indexOf('/'));
  if (tenant !== undefined) yield* usage.ofTenant(period, tenant, agent);
  else if (provider !== undefined || ofAgent !== undefined)
    yield* usage.ofProvider(period, provider ?? ofAgent ?? '', agent);
  else for await (const one of usage.tenants(period)) yield* usage.ofTenant(period, one);
}

function fits(record: UsageRecord, { tenant, provider, agent, from, to }: UsageQuery): boolean {
  return (
    record.at >= from &&
    record.at < to &&
    (tenant === undefined || record.tenant === tenant) &&
    (provider === undefined || record.provider === provider) &&
    (agent === undefined || record.agent === agent)
  );
}

const windowLengths = { hour: 13, day: 10, month: 7 } as const;
const windowRests = { hour: ':00:00Z', day: 'T00:00:00Z', month: '-01T00:00:00Z' } as const;

function rowOf(record: UsageRecord, meter: string, { window, groupBy }: UsageQuery) {
  return {
    ...(window === undefined
      ? {}
      : { window: new Date(record.at).toISOString().slice(0, windowLengths[window]) + windowRests[window] }),
    ...Object.fromEntries(
      groupings
        .filter((name) => name !== 'meter' && groupBy.includes(name))
        .map((name) => [name, record[name as Exclude<typeof name, 'meter'>]]),
    ),
    meter,
  };
}
