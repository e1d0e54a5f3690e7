import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { err, ok, type Result } from '../kernel/result.ts';
import { CedarFailure, type CedarRuntime } from './cedar.ts';
import { cedarSchema } from './cedar-schema.ts';
import { type Effect, maxTextBytes } from './policy.ts';
import { tooComplex } from './text-limits.ts';

/** For people: each says where, and what would be right. */
export type TextProblem = readonly string[];

const maxProblems = 5;
const id = 'policy';

/**
 * Exactly one policy, without slots, that our schema makes sense of. What Cedar only warns of is refused as well: a rule that can never
 * apply protects nobody, and one with letters that look like others says something else than it seems to.
 */
export function checkText(runtime: CedarRuntime, text: string): Result<Effect, TextProblem> {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxTextBytes) return err([`has ${bytes} bytes; ${maxTextBytes} are allowed`]);
  const complexity = tooComplex(text);
  if (complexity !== undefined) return err([complexity]);
  try {
    return runtime.run(({ cedar }): Result<Effect, TextProblem> => {
      const checked = cedar.validate({ schema: cedarSchema, policies: { staticPolicies: { [id]: text } } });
      const problems =
        checked.type === 'failure'
          ? checked.errors
          : [...checked.validationErrors, ...checked.validationWarnings].map(({ error }) => error);
      if (problems.length > 0)
        return err(problems.slice(0, maxProblems).map((problem) => describe(text, problem)));
      const parsed = cedar.policyToJson(text);
      return parsed.type === 'success' ? ok(parsed.json.effect) : err(['cannot be read']);
    });
  } catch (error) {
    if (error instanceof CedarFailure) return err(['is too complex to be evaluated']);
    throw error;
  }
}

function describe(text: string, { message, help, sourceLocations }: DetailedError): string {
  const at = sourceLocations?.[0];
  const where = at === undefined ? '' : `${placeOf(text, at.start)}: `;
  const said = message
    .replace(`failed to parse policy with id \`${id}\` from string: `, '')
    .replace(`for policy \`${id}\`, `, '');
  const expected = at?.label === null || at?.label === undefined ? '' : `; ${at.label}`;
  const advice = help === null ? '' : `; ${help.replace(`for policy \`${id}\`, `, '')}`;
  return `${where}${said}${expected}${advice}`;
}

/** Cedar counts UTF-8 bytes; people count lines, and characters in them. */
function placeOf(text: string, byte: number): string {
  const lines = Buffer.from(text).subarray(0, byte).toString('utf8').split('\n');
  return `line ${lines.length}, column ${Array.from(lines.at(-1) ?? '').length + 1}`;
}
