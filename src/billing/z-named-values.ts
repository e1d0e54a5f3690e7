import { z } from '@hono/zod-openapi';

export const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 . _ -');

/**
 * An object of at most `max` values, each under a name of the sender's. `__proto__` is refused here because a record schema
 * leaves it out in silence: a quantity that nobody bills, or a condition of a price that does not hold.
 */
export function namedValues<T extends z.ZodType>(value: T, max: number) {
  return z.preprocess(
    (input: Readonly<Record<string, z.input<T>>>, context) => {
      if (typeof input === 'object' && input !== null && Object.hasOwn(input, '__proto__'))
        context.addIssue({ code: 'custom', message: '__proto__ is not a name' });
      return input;
    },
    z
      .record(nameSchema, value)
      .refine((entries) => Object.keys(entries).length <= max, `must have at most ${max} members`),
  );
}
