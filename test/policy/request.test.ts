import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cedarRequest } from '../../src/policy/cedar-request.ts';
import { cedarSchema } from '../../src/policy/cedar-schema.ts';
import type { ExchangeFacts } from '../../src/policy/index.ts';

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar;
cedar.preparseSchema('schema', cedarSchema);
cedar.preparsePolicySet('all', { staticPolicies: { all: 'permit(principal, action, resource);' } });

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const texts = fc.uniqueArray(text, { maxLength: 5 });
const party = fc.oneof(
  text.map((id) => `tenant:${id}` as const),
  text.map((id) => `provider:${id}` as const),
);
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const facts: fc.Arbitrary<ExchangeFacts> = fc.record({
  client: fc.record({ id: text, owner: party, agent: maybe(text) }),
  agent: fc.record({ id: text.map((id) => `p/${id}`), tags: texts, skills: texts, scopes: texts }),
  tenant: fc.record({ id: text, tier: text, region: maybe(text) }),
  scopes: texts,
  depth: fc.integer({ min: 1, max: 16 }),
  actors: texts,
  through: texts,
  at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  issuer: text,
  acr: maybe(text),
  amr: maybe(texts),
  agreement: maybe(text),
});

it('whatever the facts are, they fit the schema, so that a policy which fits it finds what it asks for', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const answer = cedar.statefulIsAuthorized({
        ...cedarRequest(given),
        preparsedSchemaName: 'schema',
        validateRequest: true,
        preparsedPolicySetId: 'all',
      });
      expect(answer).toMatchObject({ type: 'success', response: { decision: 'allow' } });
    }),
    { numRuns: 300 },
  );
});

it('what lacks a fact, or has one of another kind, would not fit', () => {
  const [given] = fc.sample(facts, 1);
  if (given === undefined) throw new Error('no sample');
  const request = cedarRequest(given);
  const { tier: _, ...lacking } = request.context;
  for (const context of [lacking, { ...request.context, depth: '1' }])
    expect(
      cedar.statefulIsAuthorized({
        ...request,
        context,
        preparsedSchemaName: 'schema',
        validateRequest: true,
        preparsedPolicySetId: 'all',
      }),
    ).toMatchObject({ type: 'failure' });
});
