import { z } from 'zod';
import { configSchema } from './index.ts';

/** One variable of the environment, as people need to know it. */
export interface Variable {
  readonly name: string;
  readonly meaning: string;
  /** As it would be written in the environment; `undefined` when there is none. */
  readonly default: string | undefined;
  /** All values that are accepted, where they are few. */
  readonly choices: readonly string[] | undefined;
  readonly requiredWhen: string | undefined;
  /** Never shown. */
  readonly secret: boolean;
}

/** Every variable, in the order of the schema: what `doctor` prints and `docs/configuration.md` is made from. */
export const variables: readonly Variable[] = Object.entries(configSchema.shape).map(([name, schema]) => {
  const { description = '', requiredWhen, secret } = schema.meta() ?? {};
  const byDefault = schema.safeParse(undefined).data;
  return {
    name,
    meaning: description,
    default: byDefault === undefined ? undefined : String(byDefault),
    choices: z.toJSONSchema(schema, { io: 'input' }).enum?.map((choice) => String(choice)),
    requiredWhen: typeof requiredWhen === 'string' ? requiredWhen : undefined,
    secret: secret === true,
  };
});
