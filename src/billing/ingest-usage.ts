import type { JsonValue } from '../kernel/json.ts';
import type { BillingContext } from './deps.ts';
import { type Appended, type NewUsage, usageKey } from './ledger.ts';
import { parseQuantity } from './quantity.ts';
import { quarantineUsage } from './quarantine-usage.ts';
import type { Quarantined } from './quarantined.ts';
import { type EventResult, readEvent, type UsageEvent } from './z-usage-event.ts';

/** How long after its token ended a delegation may still be named: work that began in time may end late. */
const graceSeconds = 24 * 3600;
const skewSeconds = 30;
const oldestMs = 35 * 24 * 3_600_000;
const newestMs = 5 * 60_000;

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
  const keep = (event: UsageEvent, reason: string) =>
    quarantined.push({ id: event.id, provider, reason, at: now, event });

  for (const [index, value] of values.entries()) {
    const read = readEvent(value);
    if ('refused' in read) {
      results[index] = read.refused;
      continue;
    }
    const { event } = read;
    const refusal = await refusalOf(context, provider, event, now);
    if (refusal === undefined) facts.push({ index, event, fact: factOf(event, now) });
    else {
      if (refusal.keep) keep(event, refusal.reason);
      results[index] = { id: event.id, status: 'rejected', reason: refusal.reason, detail: refusal.detail };
    }
  }

  const outcomes = await context.ledger.append(facts.map(({ fact }) => fact));
  for (const [position, { index, event }] of facts.entries()) {
    const outcome = outcomes[position] ?? 'conflict';
    if (outcome === 'conflict') keep(event, 'conflict');
    results[index] = resultOf(event.id, outcome);
  }
  await quarantineUsage(context, provider, quarantined);
  return results;
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

interface EventRefusal {
  readonly reason: string;
  readonly detail: string;
  /** Whether people should see it: it may be usage that was real. */
  readonly keep: boolean;
}

async function refusalOf(
  context: BillingContext,
  provider: string,
  event: UsageEvent,
  now: number,
): Promise<EventRefusal | undefined> {
  const own = `urn:${new URL(context.brokerUrl).host}:provider:${provider}`;
  if (event.source !== own || event.providerid !== provider)
    return {
      reason: 'source_not_yours',
      detail: `source must be ${own}, providerid ${provider}.`,
      keep: false,
    };
  const at = Date.parse(event.time);
  if (at < now - oldestMs || at > now + newestMs)
    return { reason: 'time_out_of_range', detail: 'time must be within the last 35 days.', keep: true };
  for (const key of Object.keys(event.data.quantities)) {
    const meter = await context.meters.find(key);
    if (meter === undefined)
      return { reason: 'unknown_meter', detail: `There is no meter ${key}.`, keep: true };
    if (meter.authority !== 'provider')
      return { reason: 'meter_not_yours', detail: `${key} is measured by the broker.`, keep: true };
  }
  return unbound(context, provider, event, at);
}

/** One answer for every way in which a delegation does not fit: whose it is, nobody else learns. */
async function unbound(
  context: BillingContext,
  provider: string,
  event: UsageEvent,
  at: number,
): Promise<EventRefusal | undefined> {
  const delegation = await context.delegations.find(event.delegationid);
  const seconds = at / 1000;
  const fits =
    delegation !== undefined &&
    delegation.provider === provider &&
    delegation.tenant === event.tenantid &&
    delegation.agent === event.agentid &&
    seconds >= delegation.issuedAt - skewSeconds &&
    seconds <= delegation.expiresAt + graceSeconds;
  return fits
    ? undefined
    : {
        reason: 'delegation_mismatch',
        detail: 'delegationid does not name a call that this agent received for this tenant at that time.',
        keep: true,
      };
}

function factOf(event: UsageEvent, now: number): NewUsage {
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
    txn: event.correlationid ?? '',
    delegationId: event.delegationid,
    at: Date.parse(event.time),
    recordedAt: now,
    quantities: Object.fromEntries(
      Object.entries(quantities).map(([meter, text]) => [meter, parseQuantity(text) ?? '0']),
    ),
    ...(dimensions === undefined ? {} : { dimensions }),
  };
}
