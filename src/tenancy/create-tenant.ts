import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { TenancyContext } from './deps.ts';
import type { TenancyErrorCode } from './errors.ts';
import type { Tenant } from './tenant.ts';

export type NewTenant = Pick<Tenant, 'name' | 'tier'> & Partial<Pick<Tenant, 'id' | 'region' | 'residency'>>;

/** Throws `tenant_exists`, `invalid_request` when the home region lies outside the residency. */
export async function createTenant(
  context: TenancyContext,
  input: NewTenant,
  by: Principal,
): Promise<{ tenant: Tenant; version: string }> {
  assertHomeWithinResidency(input);
  const now = context.clock.now();
  const tenant: Tenant = {
    ...input,
    id: input.id ?? context.ids.next('ten'),
    status: 'active',
    createdAt: now,
    updatedAt: now,
  };
  const commit = await context.repository.commit([
    ...context.repository.insertTenant(tenant),
    ...context.audit.writes({
      action: 'tenant.create',
      outcome: 'allowed',
      actor: auditActor(by),
      tenant: tenant.id,
      detail: { tier: tenant.tier },
    }),
    ...(await context.events.writes('tenant.created.v1', { tenant: tenant.id, tier: tenant.tier })),
  ]);
  if (!commit.ok)
    throw new Fault<TenancyErrorCode>('tenant_exists', `There is a tenant ${tenant.id} already.`);
  return { tenant, version: commit.version };
}

export function assertHomeWithinResidency(input: Pick<NewTenant, 'region' | 'residency'>): void {
  if (input.region === undefined || input.residency === undefined || input.residency.includes(input.region))
    return;
  throw new Fault('invalid_request', 'A tenant’s region must be one of its residency regions.', {
    fields: [{ path: '/region', message: `must be one of ${input.residency.join(', ')}` }],
  });
}
