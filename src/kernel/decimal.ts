/**
 * Exact decimals as BigInt with a fixed number of places: 1.5 at scale 9 is 1_500_000_000n. Never a float: 0.1 + 0.2 must not
 * reach a bill.
 */

/** At most 18 digits before the point and `scale` after it; no sign but a leading minus, no exponent, no leading zeros. */
const pattern = /^(-?)(0|[1-9]\d{0,17})(?:\.(\d{1,18}))?$/;

/** The value at this scale; `undefined` when the text is not a plain decimal, or has more places than the scale. */
export function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '0', fraction = ''] = match;
  if (fraction.length > scale) return undefined;
  const value = BigInt(whole + fraction.padEnd(scale, '0'));
  return sign === '-' ? -value : value;
}

/** The shortest text for the value, with at least `minPlaces` places. */
export function formatDecimal(value: bigint, scale: number, minPlaces = 0): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  let fraction = digits.slice(digits.length - scale);
  while (fraction.length > minPlaces && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Rounds to the nearest whole number, halves away from zero. */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  const rounded = (2n * n + d) / (2n * d);
  return negative ? -rounded : rounded;
}
