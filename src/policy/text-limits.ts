/**
 * Cedar parses, checks and evaluates by recursion, on a stack of a megabyte; what overflows it ends the evaluator. What recursion goes into
 * is bounded far above what anybody writes, and at most two thirds of what it can take; a test measures that. Long lists cost no depth.
 */
export const maxNesting = 24;
export const maxSteps = 60;
const maxTokens = 1500;

/** Strings and comments are one token each, as in Cedar. What is not closed is counted by the character: more, never fewer. */
const token = /"(?:\\.|[^"\\])*"|\/\/[^\n\r]*|\s+|[A-Za-z0-9_]+|&&|\|\||[^]/gu;
const opening = new Set(['(', '[', '{', 'if']);
const closing = new Set([')', ']', '}']);
/** Each makes the expression one level deeper on one side: `a + b + c`, `a.b.c`, `a["b"]["c"]`. */
const steps = new Set(['+', '-', '*', '.', '&&', '||', '!', '(', '[', 'if']);

/** What is too much about it, or `undefined`. */
export function tooComplex(text: string): string | undefined {
  let tokenCount = 0;
  let stepCount = 0;
  let depth = 0;
  let deepest = 0;
  for (const [word] of text.matchAll(token)) {
    if (/^\s/.test(word) || word.startsWith('//')) continue;
    tokenCount++;
    if (steps.has(word)) stepCount++;
    // An `if` holds the rest of its expression and nothing closes it, so each counts to the end.
    if (opening.has(word)) deepest = Math.max(deepest, ++depth);
    else if (closing.has(word)) depth--;
  }
  if (deepest > maxNesting)
    return `is nested ${deepest} levels deep (brackets and ifs); ${maxNesting} are allowed`;
  if (stepCount > maxSteps) return `has ${stepCount} operators, dots and brackets; ${maxSteps} are allowed`;
  if (tokenCount > maxTokens) return `has ${tokenCount} words and signs; ${maxTokens} are allowed`;
  return undefined;
}
