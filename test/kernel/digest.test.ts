import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lengthPrefixed, sha256 } from '../../src/kernel/digest.ts';

it('never joins two different lists to the same text', () => {
  const parts = fc.array(fc.string({ unit: fc.constantFrom('a', ':', '1', '2', 'é') }), { maxLength: 4 });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(lengthPrefixed(...a) === lengthPrefixed(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
    { numRuns: 500 },
  );
});

it('hashes UTF-8 (FIPS 180-4 vector)', () => {
  expect(Buffer.from(sha256('abc'), 'base64url').toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
