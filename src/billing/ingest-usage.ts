import type { JsonValue } from '../kernel/json.ts';
import type { Delegation } from '../trust/index.ts';
import { checkReport, type Refusal } from './check-report.ts';
import type { BillingContext } from './deps.ts';
import type { Appended } from './ledger.ts';
import { requireQuantity } from './quantity.ts';
import type { Quarantined } from './quarantine-repository.ts';
import { quarantineUsage } from './quarantine-usage.ts';
import { type NewUsage, sourceOf, usageKey } from './usage-record.ts';
import { type EventResult, readEvent, type UsageEvent } from './z-usage-event.ts';

/**
 * Usage as a provider reports it. Each event gets its own answer, in order; what is answered `accepted` is durable. An event
 * counts only against a delegation that we issued to this provider for this tenant and agent, and only for meters on which a
 * provider's word counts; what fails that is kept in quarantine, never billed.
 */
export async function ingestUsage(
  context: BillingContext,
  provider: string,
  values: readonly JsonValue[],
): Promise<readonly EventResult[]> {
  const results: EventResult[] = [];
  const quarantined: Quarantined[] = [];
  const facts: { readonly index: number; readonly event: UsageEvent; readonly fact: NewUsage }[] = [];
  const now = context.clock.now();
  const source = sourceOf(context.brokerUrl, `provider:${provider}`);
  const findDelegation = rememberedDelegations(context);
  const keep = (event: UsageEvent, reason: Quarantined['reason']) =>
    quarantined.push({ id: event.id, provider, reason, at: now, event });

  for (const [index, value] of values.entries()) {
    const read = readEvent(value);
    if ('refused' in read) {
      results[index] = read.refused;
      continue;
    }
    const { event, at } = read;
    const checked = await checkReport(context, findDelegation, { provider, source, event, at, now });
    if (checked.ok) facts.push({ index, event, fact: factOf(read, checked.value, now) });
    else {
      if (checked.error.keep) keep(event, checked.error.reason);
      results[index] = refused(event.id, checked.error);
    }
  }

  const outcomes = await context.ledger.append(facts.map(({ fact }) => fact));
  for (const [position, { index, event }] of facts.entries()) {
    const outcome = outcomes[position] ?? 'conflict';
    if (outcome === 'conflict') keep(event, outcome);
    results[index] = resultOf(event.id, outcome);
  }
  await quarantineUsage(context, provider, quarantined);
  return results;
}

/** A batch is often of few calls. A delegation does not change while it is being read. */
function rememberedDelegations({ delegations }: BillingContext) {
  const known = new Map<string, Delegation | undefined>();
  return async (id: string): Promise<Delegation | undefined> => {
    if (!known.has(id)) known.set(id, await delegations.find(id));
    return known.get(id);
  };
}

function refused(id: string, { reason, detail }: Refusal): EventResult {
  return { id, status: 'rejected', reason, detail };
}

function resultOf(id: string, outcome: Appended): EventResult {
  if (outcome !== 'conflict') return { id, status: outcome };
  return {
    id,
    status: 'rejected',
    reason: 'conflict',
    detail: 'This id was used for an event that says something else; the first one counts.',
  };
}

function factOf(
  { event, at }: { readonly event: UsageEvent; readonly at: number },
  delegation: Delegation,
  now: number,
): NewUsage {
  const { quantities, dimensions } = event.data;
  return {
    key: usageKey(event.source, event.id),
    kind: 'reported',
    id: event.id,
    source: event.source,
    tenant: event.tenantid,
    provider: event.providerid,
    agent: event.agentid,
    callId: event.callid ?? event.delegationid,
    txn: delegation.txn,
    delegationId: event.delegationid,
    at,
    recordedAt: now,
    quantities: Object.fromEntries(
      Object.entries(quantities).map(([meter, text]) => [meter, requireQuantity(text)]),
    ),
    ...(event.correlationid === undefined ? {} : { correlationId: event.correlationid }),
    ...(dimensions === undefined ? {} : { dimensions }),
  };
}
