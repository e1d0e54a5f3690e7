import { instant } from '../api/present.ts';
import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { TenancyContext } from './deps.ts';
import type { TenancyErrorCode } from './errors.ts';
import { accountFault } from './link-account.ts';
import { isLive, type Subscription } from './tenant.ts';
import { requireTenant } from './update-tenant.ts';

export type NewSubscription = Pick<Subscription, 'agent'> &
  Partial<Pick<Subscription, 'plan' | 'scopes' | 'audTenant' | 'approver' | 'expiresAt'>>;

/**
 * Without `scopes`: all that the agent publishes now; without `approver`: whoever asks. A cancelled or expired subscription is replaced; by the tenant itself with
 * the same plan. Throws `forbidden` (`audTenant` or `plan` by a tenant), `not_found` (tenant), `agent_not_offered`, `scope_not_offered`,
 * `unknown_plan`, `invalid_request`, `conflict`.
 */
export async function subscribe(
  context: TenancyContext,
  tenant: string,
  input: NewSubscription,
  by: Principal,
): Promise<Subscription> {
  if (by.kind !== 'operator') refuseOperatorsMembers(input);
  const owner = await requireTenant(context, tenant);
  const now = context.clock.now();
  if (input.expiresAt !== undefined && input.expiresAt <= now)
    throw new Fault('invalid_request', 'expiresAt must be in the future.', {
      fields: [{ path: '/expiresAt', message: 'must be in the future' }],
    });
  const published = await context.agents.publishedScopes(input.agent);
  if (published === undefined)
    throw new Fault<TenancyErrorCode>('agent_not_offered', `There is no agent ${input.agent} on offer.`);
  const strange = input.scopes?.find((scope) => !published.includes(scope));
  if (strange !== undefined)
    throw new Fault<TenancyErrorCode>(
      'scope_not_offered',
      `${input.agent} publishes ${published.join(', ')}; not ${strange}.`,
    );
  if (input.plan !== undefined && !(await context.plans.exists(input.plan)))
    throw new Fault<TenancyErrorCode>('unknown_plan', `There is no plan ${input.plan}.`);

  const existing = await context.repository.subscription(tenant, input.agent);
  // A tenant that ends its subscription and begins another does not get another price by it.
  const plan = input.plan ?? (by.kind === 'operator' ? undefined : existing?.value.plan);
  if (isLive(existing?.value, now))
    throw new Fault('conflict', `${tenant} is subscribed to ${input.agent} already.`);
  const made: Subscription = {
    ...input,
    ...(plan === undefined ? {} : { plan }),
    id: context.ids.next('sub'),
    tenant,
    scopes: input.scopes ?? published,
    approver: input.approver ?? auditActor(by),
    status: 'active',
    createdAt: now,
  };
  const named = await namedThere(context, tenant, input);
  const subscription = { ...made, ...named.members };
  const commit = await context.repository.commit([
    ...named.writes,
    ...context.repository.saveSubscription(subscription, existing?.version ?? null),
    context.repository.tenantIsAt(tenant, owner.version),
    ...context.audit.writes({
      action: 'subscription.create',
      outcome: 'allowed',
      actor: auditActor(by),
      tenant,
      provider: providerOf(input.agent),
      agent: input.agent,
      detail: {
        subscription: subscription.id,
        scopes: subscription.scopes,
        plan: subscription.plan ?? null,
        approver: subscription.approver,
      },
    }),
    ...(await context.events.writes('subscription.created.v1', {
      ...namesOf(subscription),
      plan: subscription.plan,
      expiresAt: subscription.expiresAt === undefined ? undefined : instant(subscription.expiresAt),
    })),
  ]);
  if (!commit.ok) throw accountFault(commit.failed, named.isNew);
  return subscription;
}

/**
 * Under which id the provider knows the tenant, in all of its agents' tokens: as it was said before, or as the operator says now, which
 * nobody may have said otherwise. Throws `conflict`.
 */
async function namedThere(context: TenancyContext, tenant: string, { agent, audTenant }: NewSubscription) {
  const provider = providerOf(agent);
  const known = await context.accounts.get(provider, tenant);
  const name = known?.value.audTenant ?? audTenant;
  if (audTenant !== undefined && name !== audTenant)
    throw new Fault(
      'conflict',
      `${provider} knows ${tenant} under another id. Change it with its tenant link.`,
    );
  const isNew = known === undefined && audTenant !== undefined;
  const account = { provider, tenant, audTenant: name ?? '', updatedAt: context.clock.now() };
  return {
    isNew,
    members: name === undefined ? {} : { audTenant: name },
    writes: isNew
      ? context.accounts.save(account, undefined)
      : [context.accounts.isAt(provider, tenant, known?.version ?? null)],
  };
}

function refuseOperatorsMembers({ audTenant, plan }: NewSubscription): void {
  // The agent behind it opens that account's data: a tenant that could name it would name another's.
  if (audTenant !== undefined)
    throw new Fault('forbidden', 'Only the operator says under which id a provider knows the tenant.', {
      fields: [{ path: '/audTenant', message: 'is set by the operator' }],
    });
  // Who pays does not set the price.
  if (plan !== undefined)
    throw new Fault('forbidden', 'Only the operator says by which plan a tenant pays.', {
      fields: [{ path: '/plan', message: 'is set by the operator' }],
    });
}

/** From the next exchange and call on, nothing works under it. Throws `not_found`, `conflict`. */
export async function cancelSubscription(
  context: TenancyContext,
  tenant: string,
  id: string,
  by: Principal,
): Promise<Subscription> {
  const record = await findById(context, tenant, id);
  if (record === undefined) throw new Fault('not_found', `Tenant ${tenant} has no subscription ${id}.`);
  if (record.value.status === 'cancelled') return record.value;
  const subscription: Subscription = {
    ...record.value,
    status: 'cancelled',
    cancelledAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    ...context.repository.saveSubscription(subscription, record.version),
    ...context.audit.writes({
      action: 'subscription.cancel',
      outcome: 'allowed',
      actor: auditActor(by),
      tenant,
      provider: providerOf(subscription.agent),
      agent: subscription.agent,
      detail: { subscription: id },
    }),
    ...(await context.events.writes('subscription.cancelled.v1', namesOf(subscription))),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The subscription was changed by somebody else at the same time.');
  return subscription;
}

async function findById(context: TenancyContext, tenant: string, id: string) {
  let cursor: string | undefined;
  do {
    const page = await context.repository.subscriptions(tenant, {
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const found = page.items.find(({ value }) => value.id === id);
    if (found !== undefined) return found;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return undefined;
}

function namesOf({ id, tenant, agent }: Subscription) {
  return { subscription: id, tenant, agent, provider: providerOf(agent) };
}

function providerOf(agent: string): string {
  return agent.slice(0, agent.indexOf('/'));
}
