import type { CelInput, parse } from '@bufbuild/cel';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';

export const maxExpressionLength = 512;
const maxDepth = 32;
/** Of the claims' JSON. */
const maxClaimsLength = 8 * 1024;

/**
 * What an expression may do. Nothing here repeats or multiplies: no macros but `has`, no regular expressions, no `replace` or `format`; so
 * what one evaluation costs is bounded by the lengths of expression and claims.
 */
const allowed: ReadonlySet<string> = new Set([
  '_?_:_',
  '_&&_',
  '_||_',
  '!_',
  '_==_',
  '_!=_',
  '_+_',
  '_[_]',
  '@in',
  'contains',
  'endsWith',
  'indexOf',
  'lastIndexOf',
  'lowerAscii',
  'size',
  'split',
  'startsWith',
  'string',
  'substring',
  'trim',
]);

type Expr = ReturnType<typeof parse>['expr'];
type Evaluate = (claims: JsonObject) => unknown;

const compiled = new BoundedCache<Promise<Result<Evaluate, string>>>(1000);

/** The evaluator is 16 MB of memory that a broker without such a mapping never needs. */
async function load() {
  const [cel, ext] = await Promise.all([import('@bufbuild/cel'), import('@bufbuild/cel/ext')]);
  return { ...cel, env: cel.celEnv({ funcs: ext.strings }) };
}

let loading: ReturnType<typeof load> | undefined;

/**
 * A CEL expression (https://cel.dev) over `claims`, which has to give the tenant's external id as a string. What is wrong with it, in
 * words for who wrote it.
 */
export function compileMapping(expression: string): Promise<Result<Evaluate, string>> {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const made = compile(expression);
  compiled.set(expression, made);
  return made;
}

async function compile(expression: string): Promise<Result<Evaluate, string>> {
  if (expression.length > maxExpressionLength) return err(`may have ${maxExpressionLength} characters`);
  loading ??= load();
  const cel = await loading;
  try {
    const parsed = cel.parse(expression);
    const problem = problemOf(parsed.expr);
    if (problem !== undefined) return err(problem);
    const evaluate = cel.plan(cel.env, parsed);
    return ok((claims) => evaluate({ claims: claims as CelInput }));
  } catch (error) {
    // The parser and planner recurse, and throw whatever they stumble over.
    return err(error instanceof RangeError ? 'is nested too deeply' : describe(error));
  }
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : 'is not valid';
  return `is not valid: ${message.slice(0, 200)}`;
}

/** The external id, or `undefined` for anything that is not one: an error, a type that is no string, too large an input. */
export async function evaluateMapping(
  expression: string,
  claims: JsonObject,
): Promise<JsonValue | undefined> {
  if (JSON.stringify(claims).length > maxClaimsLength) return undefined;
  const evaluate = await compileMapping(expression);
  if (!evaluate.ok) return undefined;
  try {
    const result = evaluate.value(claims);
    return typeof result === 'string' ? result : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(expr: Expr | undefined, depth = 0): string | undefined {
  if (depth > maxDepth) return 'is nested too deeply';
  const kind = expr?.exprKind;
  switch (kind?.case) {
    case 'constExpr':
      return undefined;
    case 'identExpr':
      return kind.value.name === 'claims' ? undefined : `knows only claims, not ${kind.value.name}`;
    case 'selectExpr':
      return problemOf(kind.value.operand, depth + 1);
    case 'listExpr':
      return firstProblem(kind.value.elements, depth + 1);
    case 'callExpr': {
      const { function: name, target, args } = kind.value;
      if (!allowed.has(name)) return `may not use ${name}`;
      return firstProblem(target === undefined ? args : [target, ...args], depth + 1);
    }
    default:
      return 'may not use macros other than has, maps or messages';
  }
}

function firstProblem(parts: readonly Expr[], depth: number): string | undefined {
  for (const part of parts) {
    const problem = problemOf(part, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
