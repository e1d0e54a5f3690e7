import type { ObservedUsage } from '../billing/index.ts';
import type { Call } from './call.ts';
import type { AnswerFacts } from './read-answer.ts';

/** Each event of usage has an id that its meaning gives it, so that none is counted twice, however often it is told. */
export interface CallTotals {
  readonly bytesOut: number;
  readonly endedAt: number;
}

/** A call is one call, whatever becomes of its stream. */
export function callUsage(call: Call, at: number, totals?: CallTotals): ObservedUsage {
  return {
    ...common(call, at),
    id: `${call.callId}:call`,
    quantities: {
      calls: '1',
      bytes_in: String(call.bytesIn),
      ...(totals === undefined ? {} : spent(call, totals)),
    },
    dimensions: { method: call.request.method.name },
  };
}

/** What is known only when a stream has ended. */
export function streamUsage(call: Call, totals: CallTotals, events: number): ObservedUsage {
  return {
    ...common(call, totals.endedAt),
    id: `${call.callId}:stream`,
    quantities: { stream_events: String(events), ...spent(call, totals) },
    dimensions: { method: call.request.method.name },
  };
}

/**
 * A task's end: streams, resubscribes and GetTask all tell it again, so its id is the task's, not the call's.
 * Another call for the same end gives the same body but for the call that saw it; the first one counts.
 */
export function taskUsage(call: Call, ended: NonNullable<AnswerFacts['ended']>, at: number): ObservedUsage {
  return {
    ...common(call, at),
    id: `task:${call.agentId}:${ended.taskId}:${ended.state}`,
    quantities: { tasks: '1' },
    dimensions: { task_state: ended.state },
  };
}

function common(call: Call, at: number) {
  const { delegation } = call.context;
  return {
    tenant: delegation.tenant,
    provider: delegation.provider,
    agent: delegation.agent,
    callId: call.callId,
    txn: delegation.txn,
    delegationId: call.upstream.delegationId,
    at,
  };
}

function spent(call: Call, totals: CallTotals): Record<string, string> {
  return {
    bytes_out: String(totals.bytesOut),
    duration_ms: String(Math.max(0, totals.endedAt - call.startedAt)),
  };
}
