import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { cedarSchema } from '../../src/policy/cedar-schema.ts';
import { createEvaluator } from '../../src/policy/evaluator.ts';
import { tooComplex } from '../../src/policy/text-limits.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { factsOf, forbid } from './world.ts';

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');

const evaluator = createEvaluator(createLog({ level: 'silent' }));

describe('the text of a policy', () => {
  it.each([
    ['permit(principal, action, resource);', 'permit'],
    ['forbid(principal, action == Action::"exchange", resource in Provider::"skyways");', 'forbid'],
    [forbid('context.now.toTime() >= duration("18h") && context.tier like "gold*"'), 'forbid'],
    [forbid('principal in Tenant::"acme" || principal has agent && principal.agent == "x/y"'), 'forbid'],
    [forbid('context.amr == ["otp"]').replace('context.amr', 'context has amr && context.amr'), 'forbid'],
    ['@why("winter")\n// a comment with ((((((\nforbid(principal, action, resource);', 'forbid'],
  ])('is accepted: %s', (text, effect) => {
    expect(evaluator.checkText(text)).toEqual({ ok: true, value: effect });
  });

  it.each([
    [
      'a sign that does not belong there',
      'forbid(principal, action, resource)\nwhen { context.tier === "x" };',
      /^line 2, column 23: unexpected token `=`/,
    ],
    [
      'a column behind letters of several bytes',
      forbid('"żółć" === context.tier'),
      /^line 1, column 53: unexpected/,
    ],
    [
      'an attribute that there is none of',
      forbid('context.colour == "red"'),
      /^line 1, column 44: attribute `colour` .* not found/,
    ],
    [
      'two kinds that cannot be compared',
      forbid('context.depth == "1"'),
      /Long and String are not compatible/,
    ],
    [
      'what may be absent, not asked for first',
      forbid('context.region == "eu"'),
      /optional attribute `region`.*context has region/,
    ],
    [
      'a type that is not ours',
      'forbid(principal == User::"x", action, resource);',
      /unrecognized entity type `User`/,
    ],
    [
      'an action that is not ours',
      'forbid(principal, action == Action::"drop", resource);',
      /unrecognized action/,
    ],
    ['what can never apply', forbid('resource in principal'), /impossible/],
    [
      'two policies',
      'permit(principal, action, resource); permit(principal, action, resource);',
      /unexpected token `permit`/,
    ],
    ['no policy', '// nothing', /unexpected end of input/],
    ['a template', 'permit(principal == ?principal, action, resource);', /template/],
    ['letters that look like others', forbid('context.tier == "gоld"'), /mixed/i],
    ['text that turns around', forbid('context.tier == "\u202Egold"'), /BIDI/],
    [
      'more than may be',
      `// ${'x'.repeat(5000)}\npermit(principal, action, resource);`,
      /bytes; 4096 are allowed/,
    ],
  ])('is refused, and it says why: %s', (_, text, why) => {
    const checked = evaluator.checkText(text);
    expect(checked.ok ? 'accepted' : checked.error.join('\n')).toMatch(why);
  });
});

/** Shapes that Cedar goes into by recursion, with `count` levels. */
const shapes: Readonly<Record<string, (count: number) => string>> = {
  brackets: (count) => `${'('.repeat(count)}true${')'.repeat(count)}`,
  sums: (count) => `${Array(count).fill('1').join('+')} == 1`,
  conjunctions: (count) => Array(count).fill('context.depth==1').join('&&'),
  disjunctions: (count) => Array(count).fill('context.depth==1').join('||'),
  'ifs in else': (count) => `${'if context.depth==1 then true else '.repeat(count)}false`,
  'ifs in if': (count) => `${'if '.repeat(count)}true${' then true else false'.repeat(count)}`,
  'ifs in brackets': (count) => `${'(if true then '.repeat(count)}true${' else false)'.repeat(count)}`,
  dots: (count) => `context${'.tier'.repeat(count)}`,
  calls: (count) => `context.scopes${'.contains("a").x'.repeat(count)}`,
  indexes: (count) => `context${'["tier"]'.repeat(count)}`,
  sets: (count) => `${'['.repeat(count)}1${']'.repeat(count)}.isEmpty()`,
  records: (count) => `${'{a:'.repeat(count)}1${'}'.repeat(count)}.a == 1`,
  negations: (count) => `${'!('.repeat(count)}true${')'.repeat(count)}`,
  'all together': (count) => `${'!(-(1)==[{a:('.repeat(count)}1${'+1+1)}])'.repeat(count)}`,
};

describe('a policy that is hard to evaluate', () => {
  const require = createRequire(import.meta.url);

  /** The most levels that the limits let through. */
  function mostAllowed(shape: (count: number) => string): number {
    let count = 1;
    while (tooComplex(forbid(shape(count + 1))) === undefined) count++;
    return count;
  }

  it.each(Object.entries(shapes))('is refused long before Cedar would break: %s', (_, shape) => {
    // An instance of its own: one that broke would stay broken.
    const file = require.resolve('@cedar-policy/cedar-wasm/nodejs');
    Reflect.deleteProperty(require.cache, file);
    const cedar = require(file) as Cedar;
    const most = mostAllowed(shape);
    expect(most).toBeGreaterThan(4);
    // Half as much again does Cedar take without a trap, both checking and, where it is valid at all, evaluating.
    const text = forbid(shape(Math.ceil(most * 1.5)));
    cedar.validate({ schema: cedarSchema, policies: { staticPolicies: { text } } });
    if (cedar.preparsePolicySet('text', { staticPolicies: { text } }).type === 'success')
      cedar.statefulIsAuthorized({
        principal: { type: 'Client', id: 'c' },
        action: { type: 'Action', id: 'exchange' },
        resource: { type: 'Agent', id: 'a/b' },
        context: { depth: 1, tier: 'x', scopes: [] },
        entities: [],
        preparsedPolicySetId: 'text',
      });
    expect(tooComplex(text)).toMatch(/allowed/);
  });

  it('does not hide behind strings and comments that are none', () => {
    const deep = '('.repeat(100);
    for (const trick of [
      `"\n" ${deep}`,
      `"\\" ${deep}`,
      `// x\r${deep}`,
      `'${deep}'`,
      `/* ${deep} */`,
      `"a" "${deep}`,
    ])
      expect(tooComplex(trick)).toMatch(/nested/);
    expect(tooComplex(`"${deep}" // ${deep}`)).toBeUndefined();
  });

  it('may be long: a list of hundreds is flat', () => {
    const tenants = Array.from({ length: 300 }, (_, at) => `"t${at}"`).join(',');
    expect(evaluator.checkText(forbid(`[${tenants}].contains(context.tier)`))).toEqual({
      ok: true,
      value: 'forbid',
    });
  });
});

describe('an evaluator that breaks', () => {
  const broken = `${'('.repeat(3000)}true${')'.repeat(3000)}`;
  const set = (text: string) =>
    ({ owner: 'operator', total: 1, active: [{ id: 'p', effect: 'forbid', text }] }) as const;

  it('has refused, and the next question finds a new one', () => {
    // Each break leaves less of its stack to an instance that is used again.
    for (let time = 0; time < 10; time++)
      expect(evaluator.evaluateDraft(set(forbid(broken)), factsOf())).toMatchObject({
        decision: 'refuse',
        why: 'failed',
      });
    expect(evaluator.evaluate(set(forbid('context.depth == 2')), factsOf(), 'v1')).toMatchObject({
      decision: 'allow',
      why: 'not_forbidden',
    });
    expect(evaluator.checkText(forbid('true'))).toMatchObject({ ok: true });
  });

  it('is loaded by the first question only', () => {
    const fresh = createEvaluator(createLog({ level: 'silent' }));
    expect(fresh.isLoaded()).toBe(false);
    fresh.checkText('permit(principal, action, resource);');
    expect(fresh.isLoaded()).toBe(true);
  });
});
