import type { Billing } from '../../src/billing/index.ts';
import type { Invoice } from '../../src/billing/invoice.ts';
import type { Price } from '../../src/billing/plan.ts';
import { presentInvoice } from '../../src/billing/present-books.ts';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { day, everything, ingest, operator, type World } from './world.ts';

/** Stripe's published example of graduated tiers. */
export const publishedTiers = [
  { upTo: '5', unitAmount: '7.00' },
  { upTo: '10', unitAmount: '6.50' },
  { unitAmount: '6.00' },
];

export function perUnit(meter: string, unitAmount: string, where?: Readonly<Record<string, string>>): Price {
  return { meter, model: 'per_unit', unitAmount, ...(where === undefined ? {} : { where }) };
}

/** Defines the plan and puts tenants on it. */
export async function sell(
  world: World,
  key: string,
  prices: readonly Price[],
  options: {
    readonly currency?: string;
    readonly tenants?: readonly string[];
    readonly agent?: string;
  } = {},
): Promise<void> {
  await world.billing.definePlan({ key, currency: options.currency ?? 'USD', prices }, operator);
  for (const tenant of options.tenants ?? ['acme'])
    world.plans.set(`${tenant} ${options.agent ?? 'skyways/flights'}`, key);
}

/** Reports and demands that every event is accepted. */
export async function report(
  world: World,
  ...events: readonly Parameters<World['event']>[0][]
): Promise<void> {
  for (const provider of new Set(events.map(providerOf))) {
    const own = events.filter((event) => providerOf(event) === provider).map((event) => world.event(event));
    const refused = (await ingest(world, own, provider)).filter((answer) => !answer.endsWith(' accepted'));
    if (refused.length > 0) throw new Error(refused.join(', '));
  }
}

function providerOf({ agent = 'skyways/flights' }: { readonly agent?: string }): string {
  return agent.slice(0, agent.indexOf('/'));
}

/** The instant from which a month may be closed. */
export function due(period: string): number {
  const [year = 0, month = 1] = period.split('-').map(Number);
  return Date.UTC(year, month, 1) + 3 * day;
}

/** Goes to the end of the month's grace, unless that is past, and closes it. */
export async function close(world: World, period: string, billing: Billing = world.billing) {
  world.clock.set(Math.max(world.clock.now(), due(period)));
  return billing.closePeriod(period, { early: false, by: operator });
}

/** All documents, with their lines; of one period or of all. */
export async function booksOf({ billing }: Pick<World, 'billing'>, period?: string) {
  const filter = period === undefined ? {} : { period };
  const headers = await everything((page) => billing.listInvoices(page, filter));
  const settled = await everything((page) => billing.listSettlements(page, filter));
  const invoices = await Promise.all(headers.map(({ id }) => billing.findInvoice(id)));
  const settlements = await Promise.all(settled.map(({ id }) => billing.findSettlement(id)));
  return {
    invoices: invoices.filter((invoice) => invoice !== undefined),
    settlements: settlements.filter((settlement) => settlement !== undefined),
    journal: period === undefined ? [] : await everything((page) => billing.journal(period, page)),
  };
}

/** `chargePeriod meter quantity amount` (minor units) of each line of a tenant's invoices in a period. */
export async function linesOf(world: World, period: string, tenant = 'acme'): Promise<readonly string[]> {
  const { invoices } = await booksOf(world, period);
  return invoices
    .filter((invoice) => invoice.tenant === tenant)
    .flatMap(({ lines }) =>
      lines.map(({ chargePeriod, meter, quantity, amount }) =>
        [chargePeriod, meter, quantity, amount].join(' '),
      ),
    );
}

/** The hash that whoever gets the invoice computes, from what the API answers. */
export function hashOfAnswer(invoice: Invoice): string {
  const { contentHash: _, ...content } = JSON.parse(JSON.stringify(presentInvoice(invoice))) as Record<
    string,
    unknown
  >;
  return sha256(canonicalJson(content));
}
