/** Rational arithmetic of its own, so that the code under test is not its own judge. */
export interface Rational {
  readonly n: bigint;
  readonly d: bigint;
}

export function rational(text: string): Rational {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const n = BigInt(whole) * 10n ** BigInt(fraction.length) + BigInt(fraction === '' ? '0' : fraction);
  return { n: text.startsWith('-') ? -n : n, d: 10n ** BigInt(fraction.length) };
}

export function add(a: Rational, b: Rational): Rational {
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

export function times(a: Rational, b: Rational): Rational {
  return { n: a.n * b.n, d: a.d * b.d };
}

export function minus(a: Rational, b: Rational): Rational {
  return add(a, { n: -b.n, d: b.d });
}

export function isLess(a: Rational, b: Rational): boolean {
  return a.n * b.d < b.n * a.d;
}

/** The nearest whole number; a half goes to the one that is farther from zero. By search, not by a formula. */
export function nearest({ n, d }: Rational): bigint {
  const magnitude = n < 0n ? -n : n;
  let whole = magnitude / d;
  const rest = magnitude - whole * d;
  if (rest >= d - rest) whole += 1n;
  return n < 0n ? -whole : whole;
}
