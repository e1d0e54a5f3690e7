import type { Log } from '../telemetry/log.ts';
import { CedarFailure, type CedarInstance, createCedarRuntime, schemaName } from './cedar.ts';
import { type CedarRequest, cedarRequest } from './cedar-request.ts';
import type { ExchangeFacts } from './exchange-facts.ts';
import { parse } from './parsed-sets.ts';
import type { PolicySet } from './policy.ts';
import { checkText, type TextProblem } from './check-text.ts';
import type { Result } from '../kernel/result.ts';
import type { Effect } from './policy.ts';
import { judge, unanswered, type Verdict } from './verdict.ts';

export interface Evaluator {
  /** What this owner's enabled policies say. `version` names this state of the set, so that it is parsed once. */
  evaluate(set: PolicySet, facts: ExchangeFacts, version: string): Verdict;
  /** The same for a set that is nowhere stored; nothing of it is kept. */
  evaluateDraft(set: PolicySet, facts: ExchangeFacts): Verdict;
  /** What a policy does, or what is wrong with it. */
  checkText(text: string): Result<Effect, TextProblem>;
  /** Whether Cedar is in memory. */
  isLoaded(): boolean;
}

const draftName = 'draft';
/** Facts that somebody made up are held against the schema. */
const checked = { preparsedSchemaName: schemaName, validateRequest: true };

export function createEvaluator(log: Log): Evaluator {
  const runtime = createCedarRuntime(log);

  function ask(set: PolicySet, request: CedarRequest, nameOf: (instance: CedarInstance) => string): Verdict {
    try {
      return runtime.run((instance) => {
        const answer = instance.cedar.statefulIsAuthorized({
          ...request,
          preparsedPolicySetId: nameOf(instance),
        });
        return judge(set, answer);
      });
    } catch (error) {
      if (error instanceof CedarFailure) return unanswered(set, 'The evaluator broke.');
      throw error;
    }
  }

  return {
    // That our facts fit our schema is shown by a test; to check it each time would take half as long again as the answer.
    evaluate: (set, facts, version) =>
      ask(set, cedarRequest(facts), ({ parsed }) => parsed.nameOf(set, version)),
    evaluateDraft: (set, facts) =>
      ask(set, { ...cedarRequest(facts), ...checked }, ({ cedar }) => {
        parse(cedar, draftName, set.active);
        return draftName;
      }),
    checkText: (text) => checkText(runtime, text),
    isLoaded: () => runtime.isLoaded(),
  };
}
