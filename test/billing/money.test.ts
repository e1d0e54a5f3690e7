import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  currencyExponent,
  formatAmount,
  isCurrency,
  quantityScale,
  toMinor,
  unitPriceScale,
} from '../../src/billing/money.ts';
import { divideRounded, formatDecimal, parseDecimal } from '../../src/kernel/decimal.ts';
import { nearest, rational, times } from './exact.ts';

const exact = (text: string): bigint => parseDecimal(text, 12)! * 10n ** 9n;

describe('rounding', () => {
  it.each([
    ['0.004999999999', 'USD', 0n],
    ['0.005', 'USD', 1n],
    ['0.015', 'USD', 2n],
    ['0.025', 'USD', 3n],
    ['-0.004999999999', 'USD', 0n],
    ['-0.005', 'USD', -1n],
    ['-0.015', 'USD', -2n],
    ['1.005', 'USD', 101n],
    ['0.5', 'JPY', 1n],
    ['1.499999999999', 'JPY', 1n],
    ['-2.5', 'JPY', -3n],
    ['0.0005', 'KWD', 1n],
    ['0.0015', 'KWD', 2n],
    ['1.0004', 'KWD', 1000n],
    ['0.00005', 'CLF', 1n],
  ])('%s %s is %s minor units', (text, currency, minor) => {
    expect(toMinor(exact(text), currency)).toBe(minor);
  });

  it('is that of exact arithmetic, and the same on both sides of zero', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt({ min: 1n, max: 10n ** 30n }), (n, d) => {
        const rounded = divideRounded(n, d);
        expect(rounded).toBe(nearest({ n, d }));
        expect(divideRounded(-n, d)).toBe(-rounded);
        expect(divideRounded(n, -d)).toBe(-rounded);
      }),
    );
  });

  it('of halves is away from zero', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (whole) => {
        expect(divideRounded(2n * whole + 1n, 2n)).toBe(whole + 1n);
        expect(divideRounded(-(2n * whole + 1n), 2n)).toBe(-(whole + 1n));
      }),
    );
  });

  it('happens once: a product of any quantity and unit price is exact until then', () => {
    const decimal = (digits: number, places: number) =>
      fc
        .tuple(fc.bigInt({ min: 0n, max: 10n ** BigInt(digits) - 1n }), fc.integer({ min: 0, max: places }))
        .map(([value, scale]) => formatDecimal(value, scale));
    fc.assert(
      fc.property(
        decimal(18, 9),
        decimal(18, 12),
        fc.constantFrom('USD', 'JPY', 'KWD', 'CLF'),
        (quantity, price, currency) => {
          const product =
            (parseDecimal(quantity, quantityScale) ?? 0n) * (parseDecimal(price, unitPriceScale) ?? 0n);
          const minorUnits = { n: 10n ** BigInt(currencyExponent(currency)), d: 1n };
          expect(toMinor(product, currency)).toBe(
            nearest(times(times(rational(quantity), rational(price)), minorUnits)),
          );
        },
      ),
    );
  });
});

describe('amounts', () => {
  it.each([
    [4150n, 'USD', '41.50'],
    [0n, 'EUR', '0.00'],
    [-5n, 'EUR', '-0.05'],
    [4150n, 'JPY', '4150'],
    [0n, 'JPY', '0'],
    [-1n, 'JPY', '-1'],
    [4150n, 'KWD', '4.150'],
    [1n, 'BHD', '0.001'],
    [12345n, 'CLF', '1.2345'],
  ])('%s minor units of %s are %s', (minor, currency, text) => {
    expect(formatAmount(minor, currency)).toBe(text);
  });

  it('come back from their text', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
        fc.constantFrom('USD', 'JPY', 'KWD'),
        (minor, currency) => {
          expect(parseDecimal(formatAmount(minor, currency), currencyExponent(currency))).toBe(minor);
        },
      ),
    );
  });

  it.each(['USD', 'EUR', 'JPY', 'KWD'])('%s is a currency', (code) => {
    expect(isCurrency(code)).toBe(true);
  });
  it.each(['XYZ', 'usd', 'US', '', 'EURO', '__proto__', 'constructor'])('%j is none', (code) => {
    expect(isCurrency(code)).toBe(false);
  });

  it.each('USD EUR GBP CHF INR CNY BRL JPY KRW VND CLP ISK KWD BHD TND OMR JOD'.split(' '))(
    '%s has as many minor units as the runtime knows',
    (code) => {
      const { maximumFractionDigits } = new Intl.NumberFormat('en', {
        style: 'currency',
        currency: code,
      }).resolvedOptions();
      expect(currencyExponent(code)).toBe(maximumFractionDigits);
    },
  );
});

describe('decimals', () => {
  it('come back from their text, at any scale', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
        fc.integer({ min: 0, max: 18 }),
        fc.integer({ min: 0, max: 18 }),
        (value, scale, places) => {
          const text = formatDecimal(value, scale, Math.min(places, scale));
          expect(parseDecimal(text, scale)).toBe(value);
          expect(rational(text).n * 10n ** BigInt(scale)).toBe(value * rational(text).d);
        },
      ),
    );
  });

  it('have one shortest text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 17n }), fc.integer({ min: 0, max: 9 }), (value, zeros) => {
        const text = formatDecimal(value, 9);
        const longer = text.includes('.') ? text + '0'.repeat(zeros) : text;
        const parsed = parseDecimal(longer, 18);
        fc.pre(parsed !== undefined);
        expect(formatDecimal(parsed ?? 0n, 18)).toBe(text);
        expect(text).not.toMatch(/\.$|\..*0$/);
      }),
    );
  });

  it.each([
    '',
    '-',
    '.',
    '1.',
    '.1',
    '01',
    '+1',
    '1e3',
    '1,0',
    ' 1',
    '1 ',
    '1\n',
    '0x1',
    'NaN',
    '١',
    '1_000',
    '--1',
  ])('%j is none', (text) => {
    expect(parseDecimal(text, 9)).toBeUndefined();
  });

  it('are never cut: more places than the scale is no value', () => {
    expect(parseDecimal('0.0000000001', 9)).toBeUndefined();
    expect(parseDecimal('0.000000001', 9)).toBe(1n);
    expect(parseDecimal('9'.repeat(19), 9)).toBeUndefined();
    expect(parseDecimal('9'.repeat(18), 0)).toBe(10n ** 18n - 1n);
  });
});
