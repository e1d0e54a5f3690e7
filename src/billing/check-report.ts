import { err, ok, type Result } from '../kernel/result.ts';
import type { Delegation } from '../trust/index.ts';
import type { BillingContext } from './deps.ts';
import type { Rejection, UsageEvent } from './z-usage-event.ts';

/** How long after its token ended a delegation may still be named: work that began in time may end late. */
const graceSeconds = 24 * 3600;
const skewSeconds = 30;
const oldestMs = 35 * 24 * 3_600_000;
const newestMs = 5 * 60_000;

export interface Refusal {
  readonly reason: Rejection;
  readonly detail: string;
  /** Whether people should see it: it may be usage that was real. */
  readonly keep: boolean;
}

interface Report {
  /** Who reports. */
  readonly provider: string;
  /** The only source that is the provider's. */
  readonly source: string;
  readonly event: UsageEvent;
  /** Its time; epoch milliseconds. */
  readonly at: number;
  readonly now: number;
}

/** Whether what a provider reports may be billed; if so, the delegation that it is billed against. */
export async function checkReport(
  context: BillingContext,
  findDelegation: (id: string) => Promise<Delegation | undefined>,
  { provider, source, event, at, now }: Report,
): Promise<Result<Delegation, Refusal>> {
  if (event.source !== source || event.providerid !== provider)
    return refuse('source_not_yours', `source must be ${source}, providerid ${provider}.`, false);
  const subject = `${event.tenantid}/${event.agentid}`;
  if (event.subject !== undefined && event.subject !== subject)
    return refuse('subject_mismatch', `subject must be ${subject}, or absent.`);
  if (at < now - oldestMs || at > now + newestMs)
    return refuse('time_out_of_range', 'time must be within the last 35 days.');
  for (const key of Object.keys(event.data.quantities)) {
    const meter = await context.meters.find(key);
    if (meter === undefined) return refuse('unknown_meter', `There is no meter ${key}.`);
    if (meter.authority !== 'provider') return refuse('meter_not_yours', `${key} is measured by the broker.`);
  }
  const delegation = await findDelegation(event.delegationid);
  // One answer for every way in which a delegation does not fit: whose it is, nobody else learns.
  return delegation !== undefined && covers(delegation, event, at)
    ? ok(delegation)
    : refuse(
        'delegation_mismatch',
        'delegationid does not name a call that this agent received for this tenant at that time.',
      );
}

function covers(delegation: Delegation, event: UsageEvent, at: number): boolean {
  const seconds = at / 1000;
  const end = Math.min(delegation.expiresAt, delegation.revokedAt ?? Infinity);
  const root = delegation.chain.delegations[0] ?? delegation.id;
  return (
    delegation.provider === event.providerid &&
    delegation.tenant === event.tenantid &&
    delegation.agent === event.agentid &&
    seconds >= delegation.issuedAt - skewSeconds &&
    seconds <= end + graceSeconds &&
    (event.delegationroot === undefined || event.delegationroot === root) &&
    (event.delegationdepth === undefined || event.delegationdepth === delegation.depth)
  );
}

function refuse(reason: Rejection, detail: string, keep = true): Result<Delegation, Refusal> {
  return err({ reason, detail, keep });
}
