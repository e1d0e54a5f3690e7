import type { Call } from './call.ts';
import type { GatewayContext } from './deps.ts';
import { callUsage } from './meter-call.ts';
import { readAnswer } from './read-answer.ts';
import { recordAnswer } from './record-answer.ts';
import { Refusal } from './refusals.ts';
import type { UpstreamWhole } from './upstream.ts';

export interface WholeAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * Reads and records a whole answer; what comes back is the agent's own bytes. Runs to its end even when the caller has gone:
 * the task that it may have started has to get its owner.
 */
export async function relayWhole(
  context: GatewayContext,
  call: Call,
  answer: UpstreamWhole,
): Promise<WholeAnswer> {
  // The credential was ours: that the agent refuses it is not the caller's fault and not theirs to mend.
  if (answer.status === 401 || answer.status === 403 || answer.status === 407) {
    context.trust.forgetUpstreamToken(call.context, call.standing, call.deployment);
    throw new Refusal('UPSTREAM_REFUSED', { detail: { status: answer.status } });
  }
  const facts = readAnswer(answer.body.toString('utf8'), call.request.id);
  if (facts === undefined)
    throw new Refusal('INVALID_AGENT_RESPONSE', {
      detail: { status: answer.status, type: answer.headers['content-type'] ?? '' },
    });
  const endedAt = context.clock.now();
  const usage = callUsage(call, endedAt, { bytesOut: answer.body.length, endedAt });
  await recordAnswer(context, call, facts, [usage]);
  return { status: facts.isError && answer.status >= 400 ? answer.status : 200, body: answer.body };
}
