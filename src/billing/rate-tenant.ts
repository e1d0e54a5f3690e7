import { formatDecimal } from '../kernel/decimal.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { Accumulator } from './accumulate.ts';
import type { BillingContext } from './deps.ts';
import type { DraftLine, TenantDraft } from './draft-repository.ts';
import type { Meter } from './meters.ts';
import { quantityScale, toMinor } from './money.ts';
import { maxUnpricedShown, type PeriodKey, type Unpriced } from './period.ts';
import { findPrice, type Plan, rate } from './plan.ts';
import { plansInForce } from './plan-in-force.ts';
import type { UsageRecord } from './usage-record.ts';

/** All usage of one price in one charge period. */
interface Bucket {
  readonly key: string;
  readonly agent: string;
  readonly provider: string;
  readonly chargePeriod: PeriodKey;
  readonly plan: Plan;
  readonly price: number;
  readonly meter: Meter;
  /** Minor units that were billed in earlier periods. */
  readonly before: bigint;
  readonly sum: Accumulator;
}

/**
 * What a tenant's usage of a period costs, by the plans that its subscriptions had when it happened. Usage of an earlier charge
 * period is rated together with all that was billed for it before, and the difference goes on a line. Usage without a price is never dropped
 * in silence: it comes back as `unpriced`.
 */
export async function rateTenant(
  context: BillingContext,
  period: PeriodKey,
  tenant: string,
): Promise<TenantDraft> {
  const rater = new Rater(context, period, tenant);
  let events = 0;
  for await (const record of context.usage.ofTenant(period, tenant)) {
    events++;
    await rater.take(record);
  }
  return { tenant, events, ...rater.result() };
}

class Rater {
  readonly #context: BillingContext;
  readonly #period: PeriodKey;
  readonly #tenant: string;
  readonly #planOf: ReturnType<typeof plansInForce>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #unpriced = new Map<
    string,
    { readonly about: Omit<Unpriced, 'quantity'>; readonly sum: Accumulator }
  >();

  constructor(context: BillingContext, period: PeriodKey, tenant: string) {
    this.#context = context;
    this.#period = period;
    this.#tenant = tenant;
    this.#planOf = plansInForce(context, tenant);
  }

  async take(record: UsageRecord): Promise<void> {
    const plan = await this.#planOf(record.agent, record.at);
    for (const [key, quantity] of Object.entries(record.quantities)) {
      const meter = await this.#context.meters.find(key);
      if (meter === undefined) throw new Error(`the ledger names ${key}, which is no meter`);
      const found = plan === undefined ? undefined : findPrice(plan, key, record.dimensions);
      const observation = { quantity, at: record.at, key: record.key };
      if (plan !== undefined && found !== undefined)
        (await this.#bucket(record, plan, found.index, meter)).sum.add(observation);
      else if (plan === undefined) this.#withoutPrice(record.agent, meter, 'no_plan').add(observation);
      else if (!isFree(plan, meter)) this.#withoutPrice(record.agent, meter, 'no_price').add(observation);
    }
  }

  async #bucket(record: UsageRecord, plan: Plan, price: number, meter: Meter): Promise<Bucket> {
    const key = sha256(lengthPrefixed(record.agent, plan.key, String(price)));
    const name = `${record.chargePeriod} ${key}`;
    const existing = this.#buckets.get(name);
    if (existing !== undefined) return existing;
    const billed =
      record.chargePeriod === this.#period
        ? undefined
        : await this.#context.billed.find(this.#tenant, record.chargePeriod, key);
    const bucket: Bucket = {
      key,
      agent: record.agent,
      provider: record.provider,
      chargePeriod: record.chargePeriod,
      plan,
      price,
      meter,
      before: BigInt(billed?.amount ?? '0'),
      sum: new Accumulator(meter.aggregation, billed?.total),
    };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #withoutPrice(agent: string, meter: Meter, reason: Unpriced['reason']): Accumulator {
    const name = `${agent} ${meter.key} ${reason}`;
    let entry = this.#unpriced.get(name);
    if (entry === undefined) {
      const about = { tenant: this.#tenant, agent, meter: meter.key, reason };
      this.#unpriced.set(name, (entry = { about, sum: new Accumulator(meter.aggregation) }));
    }
    return entry.sum;
  }

  result(): Pick<TenantDraft, 'invoices' | 'unpriced' | 'unpricedCount'> {
    const currencies = new Map<string, DraftLine[]>();
    const buckets = [...this.#buckets.values()].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    for (const bucket of buckets) {
      const lines = currencies.get(bucket.plan.currency) ?? [];
      currencies.set(bucket.plan.currency, lines);
      lines.push(lineOf(bucket));
    }
    const unpriced = [...this.#unpriced.entries()]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { about, sum }]) => ({ ...about, quantity: formatDecimal(sum.value, quantityScale) }));
    return {
      invoices: [...currencies.entries()]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, lines]) => ({ currency, lines })),
      unpriced: unpriced.slice(0, maxUnpricedShown),
      unpricedCount: unpriced.length,
    };
  }
}

/** What the broker measures and the plan does not mention costs nothing, on purpose; what a provider reports it wants paid. */
function isFree(plan: Plan, meter: Meter): boolean {
  return meter.authority === 'broker' && plan.prices.every((price) => price.meter !== meter.key);
}

function sortKey({ agent, chargePeriod, plan, price }: Bucket): string {
  return [agent, chargePeriod, plan.key, String(price).padStart(4, '0')].join(' ');
}

function lineOf(bucket: Bucket): DraftLine {
  const { plan, price: index, meter, sum, before } = bucket;
  const price = plan.prices[index];
  if (price === undefined) throw new Error(`the plan ${plan.key} has no price ${index}`);
  const cumulative = toMinor(rate(price, sum.value), plan.currency);
  return {
    key: bucket.key,
    provider: bucket.provider,
    agent: bucket.agent,
    plan: plan.key,
    price: index,
    meter: meter.key,
    unit: meter.unit,
    ...(price.where === undefined ? {} : { dimensions: price.where }),
    chargePeriod: bucket.chargePeriod,
    quantity: formatDecimal(sum.value, quantityScale),
    events: sum.events,
    amount: (cumulative - before).toString(),
    total: sum.state,
  };
}
