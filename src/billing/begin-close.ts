import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { BillingContext } from './deps.ts';
import type { BillingErrorCode } from './errors.ts';
import { nextPeriod, type PeriodKey, type PeriodRecord, requireOver } from './period.ts';

export interface CloseOptions {
  /** Before the month and its grace are over. */
  readonly early: boolean;
  readonly by: Principal;
}

/** Events reach 35 days back: what could be reported while a close begins is of these months. */
const watchedMonths = 3;

/**
 * Shuts the period, and every month before it, for new usage; or finds that this has been done. Commission and corrections
 * build on what was settled before, so months are closed in their order, one at a time. Throws `period_not_over`,
 * `earlier_period_open`.
 */
export async function beginClose(
  context: BillingContext,
  period: PeriodKey,
  options: CloseOptions,
): Promise<PeriodRecord> {
  const existing = (await context.periods.read(period))?.value;
  if (existing !== undefined) return existing;
  const closingAt = context.clock.now();
  const frontier = await context.periods.frontier();
  // Another closer began since we looked: its record came with this frontier.
  if (frontier.closedThrough === period) return beginClose(context, period, options);
  // A month that a later one was closed over has no usage and can get none: its close is an empty one.
  const isPassed = frontier.closedThrough !== undefined && period < frontier.closedThrough;
  if (!isPassed) {
    requireOver(period, closingAt, options.early);
    await requireEarlierClosed(context, period, frontier.closedThrough);
  }
  const record: PeriodRecord = { period, state: 'closing', closingAt };
  const commit = await context.store.commit([
    context.periods.insert(record),
    ...(isPassed ? [] : [...frontier.advance(period), ...nothingMeanwhile(context, period, frontier)]),
    ...context.audit.writes({
      action: 'period.close.begin',
      outcome: 'allowed',
      actor: auditActor(options.by),
      detail: { period, early: options.early },
    }),
    ...(await context.events.writes('period.closing.v1', { period })),
  ]);
  return commit.ok ? record : beginClose(context, period, options);
}

async function requireEarlierClosed(
  context: BillingContext,
  period: PeriodKey,
  closedThrough: PeriodKey | undefined,
): Promise<void> {
  const isUnfinished =
    closedThrough !== undefined && (await context.periods.state(closedThrough)).state !== 'closed';
  const earlier = isUnfinished
    ? closedThrough
    : (await context.usage.periods()).find(
        (used) => used < period && (closedThrough === undefined || used > closedThrough),
      );
  if (earlier !== undefined)
    throw new Fault<BillingErrorCode>('earlier_period_open', `Close ${earlier} first.`);
}

/** A month between that gets its first usage while we look would be shut with that usage in it. */
function nothingMeanwhile(
  context: BillingContext,
  period: PeriodKey,
  { closedThrough }: { readonly closedThrough: PeriodKey | undefined },
) {
  return Array.from({ length: watchedMonths }, (_, index) => nextPeriod(period, -1 - index))
    .filter((month) => closedThrough === undefined || month > closedThrough)
    .map((month) => context.usage.requireUnused(month));
}
