import { formatDecimal, parseDecimal } from '../kernel/decimal.ts';
import { quantityScale } from './money.ts';

/** The one text of a quantity, `1.5` for `1.500`; `undefined` when it is negative or no plain decimal of at most 9 places. */
export function parseQuantity(text: string): string | undefined {
  const value = parseDecimal(text, quantityScale);
  return value === undefined || value < 0n ? undefined : formatDecimal(value, quantityScale);
}

/** The same of a text that was checked before. */
export function requireQuantity(text: string): string {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw new TypeError(`${text} is no quantity`);
  return quantity;
}

/** Of a canonical text, at {@link quantityScale}. */
export function quantityValue(canonical: string): bigint {
  const value = parseDecimal(canonical, quantityScale);
  if (value === undefined) throw new TypeError(`the ledger holds ${canonical}, which is no quantity`);
  return value;
}
