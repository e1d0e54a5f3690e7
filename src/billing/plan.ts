import { formatDecimal, parseDecimal } from '../kernel/decimal.ts';
import { type ExactAmount, quantityScale, unitPriceScale } from './money.ts';

/** What one meter costs. Amounts are decimal strings in the plan's currency. */
export type Price = {
  readonly meter: string;
  /** Only usage with these dimensions; absent: all. */
  readonly where?: Readonly<Record<string, string>>;
} & (
  | { readonly model: 'per_unit'; readonly unitAmount: string }
  /** Each unit at the price of the tier in which it falls. */
  | { readonly model: 'graduated'; readonly tiers: readonly Tier[] }
);

export interface Tier {
  /** Last quantity of the tier, inclusive; absent on the last one alone. */
  readonly upTo?: string;
  readonly unitAmount: string;
}

/** A plan never changes: another price is another plan. */
export interface Plan {
  readonly key: string;
  /** ISO 4217 */
  readonly currency: string;
  readonly prices: readonly Price[];
  readonly createdAt: number;
}

/** Of the prices for a meter, the first whose dimensions fit: the order in the plan decides. */
export function findPrice(
  plan: Plan,
  meter: string,
  dimensions: Readonly<Record<string, string>> = {},
): { readonly price: Price; readonly index: number } | undefined {
  const index = plan.prices.findIndex(
    (price) =>
      price.meter === meter &&
      Object.entries(price.where ?? {}).every(([name, value]) => dimensions[name] === value),
  );
  const price = plan.prices[index];
  return price === undefined ? undefined : { price, index };
}

/** What a quantity (at quantity scale, not negative) costs, exactly. */
export function rate(price: Price, quantity: bigint): ExactAmount {
  if (price.model === 'per_unit') return quantity * unitPrice(price.unitAmount);
  let from = 0n;
  let amount = 0n;
  for (const tier of price.tiers) {
    const upTo = tier.upTo === undefined ? quantity : quantityOf(tier.upTo);
    const within = (upTo < quantity ? upTo : quantity) - from;
    if (within <= 0n) break;
    amount += within * unitPrice(tier.unitAmount);
    from = upTo;
  }
  return amount;
}

/** Why the prices of a plan cannot be used: field and message, in the plan's own words. */
export function problemsOf(
  prices: readonly Price[],
): readonly { readonly path: string; readonly message: string }[] {
  return prices.flatMap((price, index) => {
    const at = `/prices/${index}`;
    if (price.model === 'per_unit') return amountProblem(price.unitAmount, `${at}/unitAmount`);
    return price.tiers.flatMap((tier, place) =>
      tierProblems(price.tiers, tier, place, `${at}/tiers/${place}`),
    );
  });
}

function tierProblems(tiers: readonly Tier[], tier: Tier, place: number, path: string) {
  const problems = [...amountProblem(tier.unitAmount, `${path}/unitAmount`)];
  const isLast = place === tiers.length - 1;
  if (isLast !== (tier.upTo === undefined))
    problems.push({
      path: `${path}/upTo`,
      message: isLast
        ? 'must be absent on the last tier, which has no end'
        : 'is missing: only the last tier is open',
    });
  if (tier.upTo === undefined) return problems;
  const upTo = parseDecimal(tier.upTo, quantityScale);
  const before = place === 0 ? 0n : (parseDecimal(tiers[place - 1]?.upTo ?? '', quantityScale) ?? 0n);
  if (upTo === undefined)
    problems.push({ path: `${path}/upTo`, message: 'must be a decimal with at most 9 places' });
  else if (upTo <= before)
    problems.push({
      path: `${path}/upTo`,
      message: `must be above ${formatDecimal(before, quantityScale)}, where the tier begins`,
    });
  return problems;
}

function amountProblem(text: string, path: string): { path: string; message: string }[] {
  const value = parseDecimal(text, unitPriceScale);
  return value === undefined || value < 0n
    ? [{ path, message: 'must be a decimal, not negative, with at most 12 places, such as "0.0025"' }]
    : [];
}

function unitPrice(text: string): bigint {
  const value = parseDecimal(text, unitPriceScale);
  if (value === undefined) throw new TypeError(`a plan holds the amount ${text}`);
  return value;
}

function quantityOf(text: string): bigint {
  const value = parseDecimal(text, quantityScale);
  if (value === undefined) throw new TypeError(`a plan holds the quantity ${text}`);
  return value;
}
