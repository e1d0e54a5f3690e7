import type { AuthorizationAnswer } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyOwner, PolicySet } from './policy.ts';

/** What one owner's policies say, and which of them decided. */
export interface Verdict {
  readonly owner: PolicyOwner;
  readonly decision: 'allow' | 'refuse';
  /**
   * `permitted` by what it names; `not_forbidden`: the owner permits nothing by name, so all that it does not forbid is allowed;
   * `forbidden`; `not_permitted`: the owner permits by name, and not this; `failed`: a policy could not be evaluated.
   */
  readonly why: 'permitted' | 'not_forbidden' | 'forbidden' | 'not_permitted' | 'failed';
  /** Ids of the policies that decided. */
  readonly policies: readonly string[];
  readonly errors: readonly { readonly policy?: string; readonly message: string }[];
}

const maxNamed = 10;
const maxMessage = 200;

/** Policies only take away: without a `permit` a set is a list of what is forbidden, with one a list of what is allowed. */
export function judge(set: PolicySet, answer: AuthorizationAnswer): Verdict {
  if (answer.type === 'failure') return unanswered(set, answer.errors[0]?.message ?? 'No answer.');
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0)
    return {
      owner: set.owner,
      decision: 'refuse',
      why: 'failed',
      policies: named(diagnostics.errors.map(({ policyId }) => policyId)),
      errors: diagnostics.errors
        .slice(0, maxNamed)
        .map(({ policyId, error }) => ({ policy: policyId, message: error.message.slice(0, maxMessage) })),
    };
  const policies = named(diagnostics.reason);
  if (decision === 'allow') return verdict(set, 'allow', 'permitted', policies);
  if (policies.length > 0) return verdict(set, 'refuse', 'forbidden', policies);
  return set.active.some(({ effect }) => effect === 'permit')
    ? verdict(set, 'refuse', 'not_permitted')
    : verdict(set, 'allow', 'not_forbidden');
}

/** Without an answer nothing is allowed. */
export function unanswered(set: PolicySet, message: string): Verdict {
  return {
    owner: set.owner,
    decision: 'refuse',
    why: 'failed',
    policies: [],
    errors: [{ message: message.slice(0, maxMessage) }],
  };
}

function verdict(
  { owner }: PolicySet,
  decision: Verdict['decision'],
  why: Verdict['why'],
  policies: readonly string[] = [],
): Verdict {
  return { owner, decision, why, policies, errors: [] };
}

function named(ids: readonly string[]): readonly string[] {
  return ids.toSorted().slice(0, maxNamed);
}
