import type { Write } from '../storage/port.ts';
import type { BillingContext } from './deps.ts';
import type { Invoice } from './invoice.ts';
import { formatAmount } from './money.ts';
import type { Settlement } from './settlement.ts';

type Context = Pick<BillingContext, 'events'>;

/** The event of an invoice, to be written with it. */
export function invoiceFinalised({ events }: Context, invoice: Invoice): Promise<readonly Write[]> {
  const { id, number, tenant, period, currency, total } = invoice;
  return events.writes('invoice.finalised.v1', {
    invoice: id,
    number,
    tenant,
    period,
    currency,
    total: formatAmount(BigInt(total), currency),
  });
}

/** The event of a settlement, to be written with it. */
export function settlementMade({ events }: Context, settlement: Settlement): Promise<readonly Write[]> {
  const { id, provider, period, currency } = settlement;
  const amountOf = (minor: string) => formatAmount(BigInt(minor), currency);
  return events.writes('settlement.made.v1', {
    settlement: id,
    provider,
    period,
    currency,
    gross: amountOf(settlement.gross),
    commission: amountOf(settlement.commission),
    net: amountOf(settlement.net),
  });
}
