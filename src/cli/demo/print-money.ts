import type { Colors } from '../output.ts';
import { formatTable } from '../table.ts';
import type { InvoiceLine, Settlement } from './books.ts';
import { section, tableLines, width, wrap } from './layout.ts';
import { acme, companies, plan } from './parties.ts';
import type { Story } from './story.ts';
import type { UsageRow } from './usage.ts';

type Told = Pick<Story, 'usage' | 'books'>;

/** Usage from both sides, and what it became: an invoice to the tenant, settlements to the companies, one sum. */
export function printMoney({ usage, books }: Told, colors: Colors): string {
  const { invoice, period, settlements, draft, isNew } = books;
  const closed = isNew
    ? `${period.period} is closed early, for the demo. What comes later is on the next invoice.`
    : `${period.period} was closed by an earlier start, so these are final and do not have this start’s calls.`;
  return [
    section(
      'Usage of this question, from both sides',
      [
        ...tableLines(usageTable(usage, colors)),
        '',
        colors.dim(
          `The second call of ${companies[0]?.agent ?? ''} is ${acme.name}’s own reading of its task.`,
        ),
      ],
      colors,
    ),
    section(
      `Invoice ${invoice.number} to ${acme.name}`,
      [
        ...wrap(closed, width - 2).map((line) => colors.dim(line)),
        '',
        ...tableLines(invoiceTable(invoice.lines, invoice, colors)),
      ],
      colors,
    ),
    section('Settlements with the companies', tableLines(settlementTable(settlements, colors)), colors),
    ...period.tieOut.map(({ currency, invoiced, gross, commission, net }) =>
      section(
        'The tie-out holds',
        [
          `${colors.green('✓')} ${invoiced} ${currency} invoiced ${colors.green('=')} ${gross} gross ${colors.green('=')} ` +
            `${net} to the companies ${colors.green('+')} ${commission} commission`,
        ],
        colors,
      ),
    ),
    ...(draft === undefined
      ? []
      : draft.invoices.map((one) =>
          section(
            `On ${acme.name}’s next invoice so far, for ${draft.period}`,
            [
              colors.dim('The quantities are of the whole month; the amounts are what is not billed yet.'),
              '',
              ...tableLines(invoiceTable(one.lines, one, colors)),
            ],
            colors,
          ),
        )),
  ].join('\n');
}

/** What a reader compares stands side by side: an agent's counts by the broker, and by its own company. */
function usageTable(rows: readonly UsageRow[], colors: Colors): string {
  const told = (agent: string, kind: UsageRow['kind']) =>
    rows
      .filter((row) => row.agent === agent && row.kind === kind && !details.has(row.meter))
      .map(({ meter, quantity }) => `${meter} ${quantity}`)
      .join(' · ');
  return formatTable(
    [
      { title: 'AGENT', value: 'agent' },
      { title: 'OBSERVED BY THE BROKER', value: 'observed' },
      { title: 'REPORTED BY THE COMPANY', value: 'reported' },
    ],
    companies.map(({ agent }) => ({
      agent,
      observed: told(agent, 'observed'),
      reported: told(agent, 'reported'),
    })),
    colors,
  );
}

/** Counted as well, and not billed here. */
const details = new Set(['bytes_in', 'bytes_out', 'duration_ms']);

function invoiceTable(
  lines: readonly InvoiceLine[],
  { total, currency }: { readonly total: string; readonly currency: string },
  colors: Colors,
): string {
  const isMixed = new Set(lines.map(({ chargePeriod }) => chargePeriod)).size > 1;
  const rows = lines.map((line) => ({ ...line, price: priceOf(line.meter) }));
  return formatTable(
    [
      { title: 'AGENT', value: 'agent' },
      ...(isMixed ? [{ title: 'MONTH', value: 'chargePeriod' }] : []),
      { title: 'METER', value: 'meter' },
      { title: 'QUANTITY', value: 'quantity', alignRight: true },
      { title: 'EACH', value: 'price' },
      { title: currency, value: 'amount', alignRight: true },
    ],
    [...rows, { agent: 'total', amount: total }],
    colors,
  );
}

/** In words, such as `0.25, above 2: 0.10`. */
export function priceOf(meter: string): string {
  const price = plan.prices.find((one) => one.meter === meter);
  if (price === undefined) return '';
  if (price.model === 'per_unit') return price.unitAmount;
  return price.tiers
    .map((tier, index) => {
      const before = price.tiers[index - 1];
      return before !== undefined && 'upTo' in before
        ? `above ${before.upTo}: ${tier.unitAmount}`
        : tier.unitAmount;
    })
    .join(', ');
}

function settlementTable(settlements: readonly Settlement[], colors: Colors): string {
  return formatTable(
    [
      { title: 'COMPANY', value: 'provider' },
      { title: 'GROSS', value: 'gross', alignRight: true },
      { title: 'COMMISSION', value: 'commission', alignRight: true },
      { title: 'RATE', value: 'rate', alignRight: true },
      { title: 'NET', value: 'net', alignRight: true },
      { title: '', value: 'currency' },
    ],
    settlements.map((one) => ({ ...one, rate: `${one.commissionBps / 100} %` })),
    colors,
  );
}
