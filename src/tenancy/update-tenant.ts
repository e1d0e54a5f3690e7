import { auditActor } from '../audit/index.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord, Write } from '../storage/port.ts';
import { assertHomeWithinResidency } from './create-tenant.ts';
import type { TenancyContext } from './deps.ts';
import type { Tenant } from './tenant.ts';

/** `null` takes a field away. */
export interface TenantChange {
  readonly name?: string | undefined;
  readonly tier?: string | undefined;
  readonly region?: string | null | undefined;
  readonly residency?: readonly string[] | null | undefined;
}

export interface Update {
  readonly by: Principal;
  /** From `If-Match`. */
  readonly version?: string | undefined;
}

/** Throws `not_found`, `precondition_failed`, `conflict`, `invalid_request`. */
export async function updateTenant(
  context: TenancyContext,
  id: string,
  change: TenantChange,
  update: Update,
) {
  return replace(context, id, update, 'tenant.update', { fields: Object.keys(change) }, (tenant) => {
    const merged = Object.fromEntries(
      Object.entries({ ...tenant, ...change }).filter(([, value]) => value !== null && value !== undefined),
    ) as unknown as Tenant;
    assertHomeWithinResidency(merged);
    return merged;
  });
}

/** Every exchange and call for the tenant is refused from the next one on. Throws `not_found`, `precondition_failed`, `conflict`. */
export function suspendTenant(context: TenancyContext, id: string, reason: string, update: Update) {
  return replace(context, id, update, 'tenant.suspend', { reason }, (tenant) => ({
    ...tenant,
    status: 'suspended',
    statusReason: reason,
  }));
}

/** Throws `not_found`, `precondition_failed`, `conflict`. */
export function reinstateTenant(context: TenancyContext, id: string, reason: string, update: Update) {
  return replace(context, id, update, 'tenant.reinstate', { reason }, (tenant) => ({
    ...tenant,
    status: 'active',
    statusReason: reason,
  }));
}

async function replace(
  context: TenancyContext,
  id: string,
  update: Update,
  action: string,
  detail: Readonly<Record<string, string | readonly string[]>>,
  change: (tenant: Tenant) => Tenant,
): Promise<{ tenant: Tenant; version: string }> {
  const record = await requireTenant(context, id);
  if (update.version !== undefined && update.version !== record.version)
    throw new Fault('precondition_failed', 'The tenant has changed since it was read.');
  const tenant: Tenant = { ...change(record.value), updatedAt: context.clock.now() };
  const commit = await context.repository.commit([
    context.repository.replaceTenant(tenant, record.version),
    ...context.audit.writes({ action, outcome: 'allowed', actor: auditActor(update.by), tenant: id, detail }),
    ...(await report(context, record.value, tenant)),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The tenant was changed by somebody else at the same time. Read it again.');
  return { tenant, version: commit.version };
}

/** What has changed is an event; a request that changed nothing is none. */
async function report({ events }: TenancyContext, before: Tenant, after: Tenant): Promise<readonly Write[]> {
  const { id, tier } = after;
  if (after.status !== before.status)
    return events.writes(after.status === 'active' ? 'tenant.reinstated.v1' : 'tenant.suspended.v1', {
      tenant: id,
    });
  const fields = ['name', 'tier', 'region', 'residency'] as const;
  const changed = fields.filter(
    (field) => canonicalJson(before[field] ?? null) !== canonicalJson(after[field] ?? null),
  );
  return changed.length === 0 ? [] : events.writes('tenant.changed.v1', { tenant: id, tier, changed });
}

export async function requireTenant(context: TenancyContext, id: string): Promise<StoredRecord<Tenant>> {
  const record = await context.repository.tenant(id);
  if (record === undefined) throw new Fault('not_found', `There is no tenant ${id}.`);
  return record;
}
