import { add, isLess, minus, nearest, type Rational, rational, times } from './exact.ts';

/**
 * What a month's books should say, computed in the dumbest way that can be thought of: from all facts there are, each time anew, in
 * rational numbers. Shares no code with what it judges.
 */
export interface Fact {
  readonly tenant: string;
  readonly agent: string;
  readonly at: number;
  /** Unique; of several at one moment the last one's word counts for `latest`. */
  readonly key: string;
  readonly quantities: Readonly<Record<string, string>>;
  readonly dimensions: Readonly<Record<string, string>>;
  /** The period whose books have it. */
  readonly period: string;
}

export interface OraclePrice {
  readonly meter: string;
  readonly where?: Readonly<Record<string, string>>;
  readonly unitAmount?: string;
  readonly tiers?: readonly { readonly upTo?: string; readonly unitAmount: string }[];
}

export interface Facts {
  readonly facts: readonly Fact[];
  /** Meter → how quantities become one. */
  readonly meters: Readonly<Record<string, string>>;
  readonly plans: Readonly<
    Record<string, { readonly currency: string; readonly prices: readonly OraclePrice[] }>
  >;
  /** `tenant agent` → from when on which plan, oldest first. */
  readonly subscriptions: ReadonlyMap<
    string,
    readonly { readonly createdAt: number; readonly plan?: string }[]
  >;
  readonly contracts: readonly {
    readonly provider: string;
    readonly currency: string;
    readonly from: string;
    readonly commissionBps: number;
  }[];
  readonly exponents: Readonly<Record<string, bigint>>;
}

export const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);
const zero = rational('0');

/** `tenant currency agent month plan price quantity amount` of each line of the period's invoices, sorted. */
export function expectedLines(world: Facts, period: string): readonly string[] {
  const lines = [];
  for (const name of new Set(
    pricedUses(world)
      .filter((use) => use.period === period)
      .map(({ group }) => group),
  )) {
    const uses = pricedUses(world).filter(({ group }) => group === name);
    const [tenant, agent, month, key, index] = JSON.parse(name) as [string, string, string, string, number];
    const { currency, prices } = world.plans[key] ?? { currency: '', prices: [] };
    const until = (last: string) => uses.filter((use) => use.period <= last);
    const before = costOf(world, until(previous(period)), prices[index], currency);
    const after = costOf(world, until(period), prices[index], currency);
    const quantity = text(aggregate(world, until(period)));
    lines.push([tenant, currency, agent, month, key, index, quantity, after - before].join(' '));
  }
  return lines.toSorted();
}

/** `provider currency contract gross commission net` of each settlement, sorted. */
export function expectedSettlements(world: Facts, periods: readonly string[]): readonly string[] {
  const period = periods.at(-1) ?? '';
  const now = grossByContract(world, [period]);
  const before = grossByContract(world, periods.slice(0, -1));
  return [...now]
    .map(([name, gross]) => {
      const [, , bps] = name.split(' ');
      const commission = (sum: bigint) => nearest({ n: sum * BigInt(bps ?? 0), d: 10_000n });
      const earlier = before.get(name) ?? 0n;
      const taken = bps === '-' ? 0n : commission(earlier + gross) - commission(earlier);
      return [name, gross, taken, gross - taken].join(' ');
    })
    .toSorted();
}

/** `tenant agent meter quantity reason` of what no price covers, sorted; what the broker measures may cost nothing. */
export function expectedUnpriced(world: Facts, period: string): readonly string[] {
  const uses = usesOf(world).filter((use) => use.period === period && use.price === undefined);
  const names = new Set(
    uses.map(({ fact, meter, plan }) => `${fact.tenant} ${fact.agent} ${meter} ${plan ?? '-'}`),
  );
  return [...names]
    .map((name) => {
      const own = uses.filter(
        ({ fact, meter, plan }) => `${fact.tenant} ${fact.agent} ${meter} ${plan ?? '-'}` === name,
      );
      return { name: name.split(' '), own };
    })
    .reduce<{ key: string; uses: Use[] }[]>((groups, { name: [tenant, agent, meter, plan], own }) => {
      // Several plans without a price for it are one reason.
      const key = `${tenant} ${agent} ${meter} ${plan === '-' ? 'no_plan' : 'no_price'}`;
      const group = groups.find((known) => known.key === key);
      if (group === undefined) groups.push({ key, uses: own });
      else group.uses.push(...own);
      return groups;
    }, [])
    .map(({ key, uses: own }) => `${key} ${text(aggregate(world, own))}`)
    .toSorted();
}

interface Use {
  readonly fact: Fact;
  readonly period: string;
  readonly meter: string;
  readonly quantity: string;
  readonly plan: string | undefined;
  readonly price: number | undefined;
  /** Names the price within tenant, agent and month. */
  readonly group: string;
}

function usesOf(world: Facts): readonly Use[] {
  return world.facts.flatMap((fact) =>
    Object.entries(fact.quantities).map(([meter, quantity]) => {
      const history = world.subscriptions.get(`${fact.tenant} ${fact.agent}`) ?? [];
      const begun = history.filter(({ createdAt }) => createdAt <= fact.at);
      const { plan } = begun.at(-1) ?? history[0] ?? {};
      const index =
        plan === undefined
          ? -1
          : (world.plans[plan]?.prices ?? []).findIndex((price) => fits(price, fact, meter));
      const price = index < 0 ? undefined : index;
      const group = JSON.stringify([fact.tenant, fact.agent, monthOf(fact.at), plan, price]);
      return { fact, period: fact.period, meter, quantity, plan, price, group };
    }),
  );
}

function pricedUses(world: Facts): readonly Use[] {
  return usesOf(world).filter(({ price }) => price !== undefined);
}

function fits(price: OraclePrice, fact: Fact, meter: string): boolean {
  if (price.meter !== meter) return false;
  for (const [name, value] of Object.entries(price.where ?? {}))
    if (fact.dimensions[name] !== value) return false;
  return true;
}

function aggregate(world: Facts, uses: readonly Use[]): Rational {
  const quantities = uses.map(({ quantity }) => rational(quantity));
  const last = uses.toSorted((a, b) => a.fact.at - b.fact.at || (a.fact.key < b.fact.key ? -1 : 1)).at(-1);
  switch (world.meters[uses[0]?.meter ?? '']) {
    case 'count':
      return rational(String(uses.length));
    case 'max':
      return quantities.reduce((most, one) => (isLess(most, one) ? one : most), zero);
    case 'latest':
      return rational(last?.quantity ?? '0');
    default:
      return quantities.reduce(add, zero);
  }
}

/** Minor units. */
function costOf(
  world: Facts,
  uses: readonly Use[],
  price: OraclePrice | undefined,
  currency: string,
): bigint {
  const quantity = aggregate(world, uses);
  let cost = zero;
  let from = zero;
  for (const { upTo, unitAmount } of price?.tiers ?? [
    { unitAmount: price?.unitAmount ?? '0', upTo: undefined },
  ]) {
    const end = upTo === undefined || isLess(quantity, rational(upTo)) ? quantity : rational(upTo);
    if (!isLess(from, end)) break;
    cost = add(cost, times(minus(end, from), rational(unitAmount)));
    from = end;
  }
  return nearest(times(cost, { n: 10n ** (world.exponents[currency] ?? 2n), d: 1n }));
}

/** `provider currency bps contract` → minor units. */
function grossByContract(world: Facts, periods: readonly string[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const line of periods.flatMap((period) => expectedLines(world, period))) {
    const [, currency = '', agent = '', month = '', , , , amount = '0'] = line.split(' ');
    const provider = agent.split('/')[0] ?? '';
    const contract = world.contracts
      .filter((one) => one.provider === provider && one.currency === currency && one.from <= month)
      .toSorted((a, b) => (a.from < b.from ? -1 : 1))
      .at(-1);
    const name = [provider, currency, contract?.commissionBps ?? '-', contract?.from ?? '-'].join(' ');
    sums.set(name, (sums.get(name) ?? 0n) + BigInt(amount));
  }
  return sums;
}

function previous(period: string): string {
  const [year = 0, month = 1] = period.split('-').map(Number);
  return monthOf(Date.UTC(year, month - 2, 1));
}

/** The shortest decimal; quantities have at most 9 places. */
function text({ n, d }: Rational): string {
  const scaled = ((n * 10n ** 9n) / d).toString().padStart(10, '0');
  const fraction = scaled.slice(-9).replace(/0+$/, '');
  return `${scaled.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}
