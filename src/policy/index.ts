import type { Principal } from '../kernel/principal.ts';
import type { Page } from '../storage/port.ts';
import type { VersionedPolicy } from './change-set.ts';
import { createPolicy, type NewPolicy } from './create-policy.ts';
import { type Decision, decideExchange } from './decide-exchange.ts';
import type { PolicyContext, PolicyDeps } from './deps.ts';
import { createEvaluator } from './evaluator.ts';
import type { ExchangeFacts } from './exchange-facts.ts';
import type { Policy, PolicyOwner } from './policy.ts';
import { createPolicyRepository, type PageRequest } from './policy-repository.ts';
import {
  deletePolicy,
  type PolicyContent,
  type PolicyName,
  replacePolicy,
  requirePolicy,
  type Update,
} from './replace-policy.ts';
import { type Trial, tryPolicies } from './try-policies.ts';

export type { Decision } from './decide-exchange.ts';
export { policyErrors } from './errors.ts';
export type { ExchangeFacts } from './exchange-facts.ts';
export type { PolicyOwner } from './policy.ts';

/** Rules of the operator and of parties, in Cedar, on top of the built-in ones. See the use cases' files for what each throws. */
export interface Policies {
  createPolicy(input: NewPolicy, by: Principal): Promise<VersionedPolicy>;
  replacePolicy(name: PolicyName, content: PolicyContent, update: Update): Promise<VersionedPolicy>;
  deletePolicy(name: PolicyName, update: Update): Promise<Policy>;
  /** Throws `not_found`. */
  readPolicy(name: PolicyName): Promise<VersionedPolicy>;
  listPolicies(owner: PolicyOwner, page: PageRequest): Promise<Page<Policy>>;
  tryPolicies(trial: Trial, by: Principal): Promise<Decision>;
  /** Whether a token may be issued, asked after every built-in rule has said yes. */
  decideExchange(facts: ExchangeFacts): Promise<Decision>;
}

export async function createPolicies(deps: PolicyDeps): Promise<Policies> {
  const repository = createPolicyRepository(deps.store);
  await repository.ensureActiveOwners();
  const context: PolicyContext = { ...deps, repository, evaluator: createEvaluator(deps.log) };
  return {
    createPolicy: (input, by) => createPolicy(context, input, by),
    replacePolicy: (name, content, update) => replacePolicy(context, name, content, update),
    deletePolicy: (name, update) => deletePolicy(context, name, update),
    readPolicy: async (name) => {
      const { value, version } = await requirePolicy(context, name);
      return { policy: value, version };
    },
    listPolicies: (owner, page) => repository.policies(owner, page),
    tryPolicies: (trial, by) => tryPolicies(context, trial, by),
    decideExchange: (facts) => decideExchange(context, facts),
  };
}
