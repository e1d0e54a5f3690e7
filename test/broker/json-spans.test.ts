import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf, valueStart } from '../../src/broker/json-spans.ts';

/** The same value with spaces where JSON allows them. */
function spaced(value: unknown): string {
  return ` \n${JSON.stringify(value, undefined, '\t').replaceAll(':', ' :\r\n')} `;
}

describe('member spans of a JSON object', () => {
  it('find every member of any object, wherever spaces stand', () => {
    const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ depthSize: 'medium' }));
    fc.assert(
      fc.property(object, (value) => {
        for (const text of [JSON.stringify(value), ` ${JSON.stringify(value, undefined, 2)}\n`]) {
          const read = membersOf(text, valueStart(text)).map(({ name, valueStart: from, valueEnd }) => [
            name,
            JSON.parse(text.slice(from, valueEnd)),
          ]);
          expect(read).toEqual(Object.entries(JSON.parse(text) as object));
        }
      }),
    );
  });

  it('see what a parser hides: names given twice, also when one is escaped', () => {
    const text = '{"taskId":"mine","task\\u0049d":"yours"}';
    expect(membersOf(text, 0).map(({ name }) => name)).toEqual(['taskId', 'taskId']);
  });

  it('are not misled by quotes, brackets and backslashes inside strings', () => {
    const text = spaced({ a: '}],"b":{', b: '\\"', c: [['{"d":1}'], { e: '\\' }], d: -1.5e3 }).replaceAll(
      ' :\r\n{"d"',
      '{"d"',
    );
    const members = membersOf(text, valueStart(text));
    expect(members.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(text.slice(members[3]?.valueStart, members[3]?.valueEnd)).toBe('-1500');
  });

  it('need no stack for a deep value', () => {
    const text = `{"deep":${'['.repeat(200_000)}${']'.repeat(200_000)},"after":1}`;
    expect(membersOf(text, 0).map(({ name }) => name)).toEqual(['deep', 'after']);
  });
});
