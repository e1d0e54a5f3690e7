import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairwiseSubject } from '../../src/trust/pairwise-subject.ts';

type User = Parameters<typeof pairwiseSubject>[1];

const secret = new Uint8Array(32).fill(7);
/** Few letters, so that the same text comes about in many ways; digits and colons, as the lengths are written. */
const part = fc.string({ unit: fc.constantFrom('a', 'b', '1', ':', '/', 'é', ' '), maxLength: 6 });
const user: fc.Arbitrary<User> = fc.record({ provider: part, issuer: part, tenant: part, subject: part });

describe('the pairwise subject', () => {
  it('is a version and 256 bits', () => {
    fc.assert(
      fc.property(user, (someone) => {
        expect(pairwiseSubject(secret, someone)).toMatch(/^v1\.[A-Za-z0-9_-]{43}$/);
      }),
    );
  });

  it('is the same for the same user, and for nobody else, wherever one part ends and the next begins', () => {
    fc.assert(
      fc.property(user, user, (one, two) => {
        const same = (Object.keys(one) as (keyof User)[]).every((name) => one[name] === two[name]);
        expect(pairwiseSubject(secret, one) === pairwiseSubject(secret, two)).toBe(same);
      }),
    );
  });

  it('is another when letters move from one part to the next', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 12 }), fc.nat(), fc.nat(), (text, first, second) => {
        const split = (at: number): User => {
          const cut = 1 + (at % (text.length - 1));
          return { provider: text.slice(0, cut), issuer: text.slice(cut), tenant: '', subject: '' };
        };
        const [one, two] = [split(first), split(second)];
        expect(pairwiseSubject(secret, one) === pairwiseSubject(secret, two)).toBe(
          one.provider === two.provider,
        );
      }),
    );
  });

  it('is another under another secret', () => {
    fc.assert(
      fc.property(user, fc.uint8Array({ minLength: 32, maxLength: 32 }), (someone, other) => {
        fc.pre(!Buffer.from(other).equals(Buffer.from(secret)));
        expect(pairwiseSubject(other, someone)).not.toBe(pairwiseSubject(secret, someone));
      }),
    );
  });

  it('stays what it is: providers keep it', () => {
    const known = { provider: 'skyways', issuer: 'https://login.acme.example', tenant: 'acme', subject: 'é' };
    // HMAC-SHA256 of "7:skyways26:https://login.acme.example4:acme2:é" under 32 bytes of 7.
    expect(pairwiseSubject(secret, known)).toBe('v1.wRRf5PmynxST07hC7_HB1YuG932abw81XwECQWJFwEw');
  });
});
