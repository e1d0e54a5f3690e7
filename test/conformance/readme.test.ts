import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const here = new URL('.', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, here), 'utf8');

/** Rows of the map: a file, and the sections that it is said to test. */
const rows = read('README.md')
  .split('\n')
  .flatMap((line) => {
    const file = /\]\(([\w.-]+\.test\.ts)\)/.exec(line)?.[1];
    return file === undefined ? [] : [{ file, sections: line.match(/§[\d.]*\d/g) ?? [] }];
  });

describe('the map of sections', () => {
  it('names every file', () => {
    const files = readdirSync(here).filter((name) => name.endsWith('.test.ts') && name !== 'readme.test.ts');
    expect(rows.map(({ file }) => file).toSorted()).toEqual(files.toSorted());
  });

  it.each(rows)('of $file is what its titles say', ({ file, sections }) => {
    const titles = read(file).match(/'[^'\n]*§[^'\n]*'/g) ?? [];
    // "RFC 7518 §6" is another document's section.
    const tested = titles.flatMap((title) => title.match(/(?<!\d )§[\d.]*\d/g) ?? []);
    expect([...new Set(sections)].toSorted()).toEqual([...new Set(tested)].toSorted());
  });
});
