import type { ObservedUsage } from '../billing/index.ts';
import type { Call } from './call.ts';
import type { GatewayContext } from './deps.ts';
import { taskUsage } from './meter-call.ts';
import type { OwnedId } from './ownership.ts';
import type { AnswerFacts } from './read-answer.ts';
import { Refusal } from './refusals.ts';

/** As many as fit into one commit beside the usage. An agent that names more new things at once does not do A2A. */
const maxClaims = 60;

/**
 * Makes durable what an answer tells, before a byte of it is passed on: whose its tasks and contexts are, tasks that ended,
 * and `usage`; all in one commit. Throws a {@link Refusal} when the agent answers with what is another tenant's: then
 * nothing of the answer may reach the caller.
 */
export async function recordAnswer(
  context: GatewayContext,
  call: Call,
  facts: AnswerFacts,
  usage: readonly ObservedUsage[],
): Promise<void> {
  const named: readonly OwnedId[] = [
    ...facts.taskIds.map((id) => ({ kind: 'task', id }) as const),
    ...facts.contextIds.map((id) => ({ kind: 'context', id }) as const),
  ];
  const events = [
    ...usage,
    ...(facts.ended === undefined ? [] : [taskUsage(call, facts.ended, context.clock.now())]),
  ];
  let unowned = await unownedOf(context, call, named);
  // Two answers may name a new id at the same time; who lost looks again. Owners never change, so twice is enough.
  for (let attempt = 0; attempt < 2; attempt++) {
    if (events.length === 0 && unowned.length === 0) return;
    if (unowned.length > maxClaims)
      throw new Refusal('INVALID_AGENT_RESPONSE', { detail: { newIds: unowned.length } });
    const claims = unowned.map((id) =>
      context.ownership.claim(call.agentId, id, call.standing.tenant.id, call.deployment.id),
    );
    const outcome = await context.billing.observe(events, claims);
    if (outcome.ok) {
      for (const id of unowned)
        context.ownership.remember(call.agentId, id, call.standing.tenant.id, call.deployment.id);
      return;
    }
    unowned = await unownedOf(context, call, named);
  }
  throw new Error('an id was claimed by others and yet has no owner');
}

/** Throws when one belongs to somebody else. */
async function unownedOf(
  context: GatewayContext,
  call: Call,
  named: readonly OwnedId[],
): Promise<readonly OwnedId[]> {
  const owners = await context.ownership.find(call.agentId, named);
  return named.filter((id, index) => {
    const owner = owners[index];
    if (owner !== undefined && owner.tenant !== call.standing.tenant.id)
      throw new Refusal('INVALID_AGENT_RESPONSE', {
        detail: { isolation: `the ${id.kind} is another tenant's` },
      });
    return owner === undefined;
  });
}
