import type { Subscription } from '../tenancy/index.ts';
import type { BillingContext } from './deps.ts';
import type { Plan } from './plan.ts';

/**
 * By which plan a tenant's usage of an agent is priced: that of the subscription that had begun last when it happened. So a new
 * plan prices what happens from then on, and what a cancelled subscription left behind is still priced by its own.
 */
export function plansInForce(
  context: Pick<BillingContext, 'tenancy' | 'prices'>,
  tenant: string,
): (agent: string, at: number) => Promise<Plan | undefined> {
  const histories = new Map<string, readonly Subscription[]>();
  const plans = new Map<string, Plan | undefined>();

  async function historyOf(agent: string): Promise<readonly Subscription[]> {
    const known = histories.get(agent);
    if (known !== undefined) return known;
    const history = await context.tenancy.subscriptionHistory(tenant, agent);
    histories.set(agent, history);
    return history;
  }

  return async (agent, at) => {
    const history = await historyOf(agent);
    // Clocks differ a little: what is dated just before the first subscription belongs to it.
    const subscription = history.findLast(({ createdAt }) => createdAt <= at) ?? history[0];
    const key = subscription?.plan;
    if (key === undefined) return undefined;
    if (!plans.has(key)) plans.set(key, await context.prices.plan(key));
    return plans.get(key);
  };
}
