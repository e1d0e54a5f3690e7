import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { factsOf, forbid, openPolicies, operator } from './world.ts';

it('a broker without policies never loads Cedar; the first one that is asked does', async () => {
  const require = createRequire(import.meta.url);
  const file = require.resolve('@cedar-policy/cedar-wasm/nodejs');
  // Other tests of this process may have loaded it.
  Reflect.deleteProperty(require.cache, file);
  const isLoaded = () => file in require.cache;
  const { policies } = await openPolicies();
  for (let time = 0; time < 3; time++) await policies.decideExchange(factsOf());
  expect(isLoaded()).toBe(false);
  await policies.createPolicy(
    { owner: 'tenant:acme', text: forbid('context.depth > 3'), enabled: true },
    operator,
  );
  expect(isLoaded()).toBe(true);
});
