import type { AuditEntry } from '../audit/index.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Party } from '../kernel/principal.ts';
import type { Decision } from '../policy/index.ts';
import type { TrustContext } from './deps.ts';
import type { RefusalNote } from './grants/grant.ts';
import type { Client, Delegation } from './model.ts';
import { invalidTarget } from './resolve-target.ts';
import type { Standing } from './standing.ts';
import type { Subject } from './subject.ts';

export interface PolicyInput {
  readonly client: Client;
  readonly standing: Standing;
  readonly subject: Subject;
  readonly scope: readonly string[];
  readonly depth: number;
  readonly chain: Delegation['chain'];
  /** Id of the agreement that the step rests on. */
  readonly agreement: string | undefined;
}

type Explained = Pick<AuditEntry, 'restricted' | 'own'>;

/**
 * The last question before a call token is made, after every rule of ours has said yes. Answers what the audit entry should say of it.
 * Throws `invalid_target`, which looks like every other one.
 */
export async function requirePolicy(
  context: TrustContext,
  { client, standing, subject, scope, depth, chain, agreement }: PolicyInput,
  note: RefusalNote,
): Promise<Explained> {
  const { tenant, agent } = standing;
  const decision = await context.policies.decideExchange({
    client,
    agent: {
      id: agent.id,
      tags: [...new Set(agent.skills.flatMap(({ tags }) => tags))],
      skills: agent.skills.map(({ id }) => id),
      scopes: agent.scopes,
    },
    tenant,
    scopes: scope,
    depth,
    actors: chain.clients,
    through: subject.parent?.chain.agents ?? [],
    at: context.clock.now(),
    issuer: subject.origin.issuer,
    ...subject.authentication,
    agreement,
  });
  const explained = explain(decision);
  if (decision.decision === 'allow') return explained;
  Object.assign(note, explained);
  throw invalidTarget('policy_forbids');
}

/** The operator reads what everybody's policies said; a party what its own said, and not whether others have any. */
function explain({ verdicts }: Decision): Explained {
  if (verdicts.length === 0) return {};
  const said = verdicts.map(({ owner, why, policies, errors }) => ({
    owner,
    why,
    policies,
    ...(errors.length === 0 ? {} : { errors: errors as readonly JsonValue[] }),
  }));
  const own: Partial<Record<Party, { readonly policies: readonly JsonValue[] }>> = {};
  for (const one of said) if (one.owner !== 'operator') own[one.owner] = { policies: [one] };
  return { restricted: { policies: said }, ...(Object.keys(own).length === 0 ? {} : { own }) };
}
