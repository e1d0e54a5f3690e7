import { divideRounded, formatDecimal } from '../kernel/decimal.ts';

/** Places of a quantity (`data.quantities`). */
export const quantityScale = 9;
/** Places of a price per unit. */
export const unitPriceScale = 12;

/** ISO 4217 minor units, where they are not 2. */
const exponents: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0]),
  ),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};

const known = new Set(Intl.supportedValuesOf('currency'));

export function isCurrency(code: string): boolean {
  return known.has(code);
}

export function currencyExponent(currency: string): number {
  return exponents[currency] ?? 2;
}

/** Minor units as people write the amount: 4150 in USD is `41.50`. */
export function formatAmount(minor: bigint, currency: string): string {
  const exponent = currencyExponent(currency);
  return formatDecimal(minor, exponent, exponent);
}

/** An exact product of quantity and unit price, in units of 10^-(9+12) of the currency's main unit. */
export type ExactAmount = bigint;

/** The only rounding on a line: to minor units, halves away from zero. */
export function toMinor(exact: ExactAmount, currency: string): bigint {
  return divideRounded(
    exact * 10n ** BigInt(currencyExponent(currency)),
    10n ** BigInt(quantityScale + unitPriceScale),
  );
}
