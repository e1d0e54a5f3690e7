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

/** Currencies in which somebody can be billed: ISO 4217 without funds, metals and test codes. Not the runtime's list, which varies. */
const known = new Set(
  (
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY ' +
    'COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ' +
    'IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR ' +
    'MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD ' +
    'SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST ' +
    'XAF XCD XCG XOF XPF YER ZAR ZMW ZWG'
  ).split(' '),
);

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
