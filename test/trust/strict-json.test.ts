import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/kernel/json.ts';
import { parseStrictObject } from '../../src/trust/strict-json.ts';

describe('JSON of tokens', () => {
  it('is read as JSON.parse reads it when it is an object without doubles', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 8 })), (value) => {
        const text = JSON.stringify(value);
        expect(parseStrictObject(text)).toEqual(JSON.parse(text));
        expect(parseStrictObject(JSON.stringify(value, undefined, 3))).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each(['', '[]', '"a"', '1', 'null', 'true', '{', '{"a":1', '{"a":1}}', '{a:1}', "{'a':1}", '{"a":1,}'])(
    'is an object, and nothing else: %s',
    (text) => {
      expect(parseStrictObject(text)).toBeUndefined();
    },
  );

  it('has no member twice, wherever it is, whatever is between, and however its name is written', () => {
    const spaces = fc.string({ unit: fc.constantFrom(' ', '\t', '\r', '\n'), maxLength: 200, size: 'max' });
    const written = fc.constantFrom('"aud"', '"\\u0061ud"', '"a\\u0075d"', '"au\\u0064"');
    const wrap = fc.constantFrom(
      (inner: string) => inner,
      (inner: string) => `{"x":${inner}}`,
      (inner: string) => `{"x":[{"aud":1},${inner}],"aud":2}`,
      (inner: string) => `{"text":"}{\\"aud\\":","y":${inner}}`,
    );
    fc.assert(
      fc.property(wrap, written, written, spaces, spaces, (around, one, two, before, after) => {
        const text = around(`{${one}${before}:${after}"a"${before},"b":{},${two}${after}:${before}"b"}`);
        expect(JSON.parse(text)).toBeDefined();
        expect(parseStrictObject(text)).toBeUndefined();
      }),
    );
  });

  it('may have a name again in another object, and as a value', () => {
    const text = '{"aud":"aud","a":{"aud":["aud","aud"]},"b":[{"aud":1},{"aud":2}],"x":"\\"aud\\":1"}';
    expect(parseStrictObject(text)).toEqual(JSON.parse(text));
  });

  it('keeps a member called __proto__ a mere member', () => {
    const value = parseStrictObject('{"__proto__":{"aud":"x"}}') as JsonObject;
    expect(value['aud']).toBeUndefined();
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(parseStrictObject('{"__proto__":1,"__proto__":2}')).toBeUndefined();
  });

  it('is nested 32 levels deep at most', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(parseStrictObject(nested(32))).toBeDefined();
    expect(parseStrictObject(nested(33))).toBeUndefined();
    expect(parseStrictObject(nested(6000))).toBeUndefined();
  });
});
