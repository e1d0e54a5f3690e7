import { auditActor } from '../audit/index.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { BillingContext } from './deps.ts';
import type { BillingErrorCode } from './errors.ts';
import { isCurrency } from './money.ts';
import { type Plan, problemsOf } from './plan.ts';

/** A plan is one record of the store. */
const maxPlanBytes = 250_000;

export type NewPlan = Omit<Plan, 'createdAt'>;

/**
 * A key stands for the same prices for ever: the same again changes nothing. Throws `invalid_request` with every wrong field,
 * `unknown_meter`, `plan_exists`.
 */
export async function definePlan(context: BillingContext, input: NewPlan, by: Principal): Promise<Plan> {
  const fields = [
    ...(isCurrency(input.currency) ? [] : [{ path: '/currency', message: 'must be a currency of ISO 4217' }]),
    ...problemsOf(input.prices),
  ];
  if (fields.length > 0) throw new Fault('invalid_request', 'The prices do not make sense.', { fields });
  if (Buffer.byteLength(JSON.stringify(input)) > maxPlanBytes)
    throw new Fault('invalid_request', `A plan may have ${maxPlanBytes} bytes of JSON. Sell it as several.`);
  for (const { meter } of input.prices)
    if ((await context.meters.find(meter)) === undefined)
      throw new Fault<BillingErrorCode>('unknown_meter', `There is no meter ${meter}. Define it first.`);
  const plan: Plan = { ...input, createdAt: context.clock.now() };
  const commit = await context.store.commit([
    context.prices.insertPlan(plan),
    ...context.audit.writes({
      action: 'plan.define',
      outcome: 'allowed',
      actor: auditActor(by),
      detail: { plan: plan.key, currency: plan.currency },
    }),
    ...(await context.events.writes('plan.defined.v1', { plan: plan.key, currency: plan.currency })),
  ]);
  if (commit.ok) return plan;
  const existing = await context.prices.plan(input.key);
  if (existing !== undefined && says(existing) === says(plan)) return existing;
  throw new Fault<BillingErrorCode>(
    'plan_exists',
    `The plan ${input.key} has other prices. Prices never change: choose a new key.`,
  );
}

function says({ key, currency, prices }: Plan): string {
  return canonicalJson({ key, currency, prices });
}
