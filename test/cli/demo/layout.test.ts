import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { cells, section, wrap } from '../../../src/cli/demo/layout.ts';
import { priceOf } from '../../../src/cli/demo/print-money.ts';
import { stepLine } from '../../../src/cli/demo/progress.ts';
import { displayWidth } from '../../../src/cli/table.ts';

const plain = pc.createColors(false);

describe('the layout of the demo', () => {
  it.each([
    ['ab', 4, 'ab  '],
    ['abcd', 4, 'abcd'],
    ['abcde', 4, 'abc…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日… '],
  ])('makes %s %i columns wide', (text, columns, expected) => {
    expect(cells(text, columns)).toBe(expected);
    expect(displayWidth(cells(text, columns))).toBe(columns);
  });

  it('breaks lines at spaces, and no word', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensibilities are long', 8)).toEqual(['incomprehensibilities', 'are long']);
    expect(wrap('', 8)).toEqual(['']);
  });

  it('puts a section under its heading', () => {
    expect(section('Title', ['a', '', 'b'], plain)).toBe('\n\n  Title\n\n  a\n\n  b');
  });

  it.each(['short', 'a very long detail '.repeat(20)])('gives a step one line of 100 columns', (detail) => {
    expect(displayWidth(stepLine({ name: 'registration', ok: true, ms: 123_456 }, detail, plain))).toBe(100);
  });

  it('says in words what something costs', () => {
    expect(priceOf('searches')).toBe('0.25, above 2: 0.10');
    expect(priceOf('calls')).toBe('0.02');
    expect(priceOf('bytes_in')).toBe('');
  });
});
