import { parseDecimal } from '../../kernel/decimal.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import type { Books } from './books.ts';
import { type UsageRow, usageSchema } from './usage.ts';

export interface TiedOut {
  readonly ok: true;
}

/** Enough for every currency of ISO 4217. */
const scale = 4;
const quantityScale = 9;

/**
 * Adds the documents up again, as somebody would who does not trust the broker's own check: what tenants are invoiced is what
 * providers grossed, is what they get plus the commission. Answers what does not hold.
 */
export function checkTieOut({ period, invoice, invoices, settlements }: Books): readonly string[] {
  const problems: string[] = [];
  const demand = (left: bigint, right: bigint, problem: string) => {
    if (left !== right) problems.push(problem);
  };
  for (const { currency, ok } of period.tieOut)
    if (!ok)
      problems.push(
        `The broker itself says that its books of ${period.period} do not tie out in ${currency}.`,
      );
  demand(
    sum(invoice.lines.map(({ amount }) => amount)),
    amountOf(invoice.total),
    `The lines of ${invoice.number} do not add up to its total.`,
  );
  for (const currency of new Set([...invoices, ...settlements].map((document) => document.currency))) {
    const ours = settlements.filter((settlement) => settlement.currency === currency);
    const invoiced = sum(invoices.filter((one) => one.currency === currency).map(({ total }) => total));
    const gross = sum(ours.map((settlement) => settlement.gross));
    const net = sum(ours.map((settlement) => settlement.net));
    const commission = sum(ours.map((settlement) => settlement.commission));
    demand(invoiced, gross, `In ${currency} invoices and the providers’ gross are not the same sum.`);
    demand(gross, net + commission, `In ${currency} net and commission do not add up to gross.`);
  }
  return problems;
}

/** Throws `failed` with the first thing that does not hold. */
export async function requireTieOut(api: ApiClient, tenant: string, books: Books): Promise<TiedOut> {
  const problems = [...checkTieOut(books)];
  // After an early close the month goes on, and what is used then is on the next invoice.
  if (books.isNew) problems.push(...checkLines(books, await usedIn(api, tenant, books.period.period)));
  const [problem] = problems;
  if (problem !== undefined) throw new Failure('failed', problem);
  return { ok: true };
}

async function usedIn(api: ApiClient, tenant: string, month: string): Promise<readonly UsageRow[]> {
  const from = `${month}-01T00:00:00.000Z`;
  const next = new Date(from);
  next.setUTCMonth(next.getUTCMonth() + 1);
  const query = { tenant, from, to: next.toISOString(), groupBy: 'agent,kind,meter' };
  return usageSchema.parse((await api.request({ path: '/v1/usage', query })).body).items;
}

/** Each line of the month's own charges bills exactly what was used: not more, not less. Answers which do not. */
export function checkLines(
  { invoice, period }: Pick<Books, 'invoice' | 'period'>,
  usedInMonth: readonly UsageRow[],
): readonly string[] {
  return invoice.lines
    .filter(({ chargePeriod }) => chargePeriod === period.period)
    .filter(({ agent, meter, quantity }) => {
      const rows = usedInMonth.filter((row) => row.agent === agent && row.meter === meter);
      const used = rows.map((row) => exact(row.quantity, quantityScale)).reduce((a, b) => a + b, 0n);
      return used !== exact(quantity, quantityScale);
    })
    .map(
      ({ agent, meter, quantity }) =>
        `${invoice.number} bills ${quantity} ${meter} of ${agent}, which is not what was used.`,
    );
}

function sum(amounts: readonly string[]): bigint {
  return amounts.map((amount) => amountOf(amount)).reduce((a, b) => a + b, 0n);
}

function amountOf(text: string): bigint {
  return exact(text, scale);
}

function exact(text: string, places: number): bigint {
  const value = parseDecimal(text, places);
  if (value === undefined) throw new TypeError(`${text} is no decimal`);
  return value;
}
