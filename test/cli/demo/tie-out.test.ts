import { describe, expect, it } from 'vitest';
import type { Books } from '../../../src/cli/demo/books.ts';
import { checkLines, checkTieOut } from '../../../src/cli/demo/tie-out.ts';
import type { UsageRow } from '../../../src/cli/demo/usage.ts';

const line = (meter: string, quantity: string, amount: string, chargePeriod = '2026-01') => ({
  provider: 'skyways',
  agent: 'skyways/flights',
  meter,
  chargePeriod,
  quantity,
  amount,
});
const invoice = {
  id: 'inv_1',
  number: 'INV-000001',
  tenant: 'acme',
  currency: 'EUR',
  total: '0.65',
  lines: [line('calls', '1', '0.05'), line('searches', '3', '0.60')],
};
const settlement = {
  provider: 'skyways',
  currency: 'EUR',
  commissionBps: 1000,
  gross: '1.65',
  commission: '0.17',
  net: '1.48',
};
const books: Books = {
  period: {
    period: '2026-01',
    state: 'closed',
    unpriced: [],
    tieOut: [{ currency: 'EUR', invoiced: '1.65', gross: '1.65', commission: '0.17', net: '1.48', ok: true }],
  },
  isNew: true,
  invoice,
  invoices: [invoice, { id: 'inv_2', tenant: 'globex', total: '1.00', currency: 'EUR' }],
  settlements: [settlement],
  draft: undefined,
};

describe('the documents of a month', () => {
  it('tie out when every sum is the same', () => {
    expect(checkTieOut(books)).toEqual([]);
  });

  it.each<[string, Books, string]>([
    [
      'a line is wrong',
      { ...books, invoice: { ...invoice, lines: [line('calls', '1', '0.06')] } },
      'do not add up to its total',
    ],
    ['an invoice is missing', { ...books, invoices: [invoice] }, 'invoices and the providers’ gross'],
    [
      'a cent of commission is lost',
      { ...books, settlements: [{ ...settlement, commission: '0.16' }] },
      'net and commission',
    ],
    ['a settlement is missing', { ...books, settlements: [] }, 'invoices and the providers’ gross'],
    [
      'the sums are right, but in two currencies',
      { ...books, settlements: [{ ...settlement, currency: 'USD' }] },
      'In EUR invoices',
    ],
    [
      'the broker says so',
      {
        ...books,
        period: { ...books.period, tieOut: books.period.tieOut.map((one) => ({ ...one, ok: false })) },
      },
      'The broker itself says',
    ],
  ])('do not when %s', (_, wrong, problem) => {
    expect(checkTieOut(wrong)[0]).toContain(problem);
  });
});

describe('the lines of an invoice', () => {
  const used = (meter: string, quantity: string): UsageRow => ({
    agent: 'skyways/flights',
    kind: 'observed',
    meter,
    quantity,
    events: 1,
  });

  it('bill what was used, whatever else was counted', () => {
    expect(checkLines(books, [used('calls', '1'), used('searches', '3'), used('bytes_in', '12')])).toEqual(
      [],
    );
  });

  it('are not those of an earlier month', () => {
    const lines = [...invoice.lines, line('calls', '9', '0.18', '2025-12')];
    expect(
      checkLines({ ...books, invoice: { ...invoice, lines } }, [used('calls', '1'), used('searches', '3')]),
    ).toEqual([]);
  });

  it.each([
    ['more', [used('calls', '1'), used('searches', '2')]],
    ['less', [used('calls', '1'), used('searches', '3.5')]],
    ['what nobody used', [used('calls', '1')]],
  ])('must not bill %s', (_, rows) => {
    expect(checkLines(books, rows)).toEqual([
      'INV-000001 bills 3 searches of skyways/flights, which is not what was used.',
    ]);
  });
});
