import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { StoredRecord } from '../storage/port.ts';
import type { RegistryContext } from './deps.ts';
import type { RegistryErrorCode } from './errors.ts';
import type { Provider } from './provider.ts';

export type NewProvider = Pick<Provider, 'id' | 'name'> & Partial<Pick<Provider, 'domains' | 'contact'>>;

export interface Update {
  readonly by: Principal;
  /** From `If-Match`. */
  readonly version?: string | undefined;
}

/** The operator admits it: active at once. Throws `provider_exists`. */
export async function admitProvider(
  context: RegistryContext,
  input: NewProvider,
  by: Principal,
): Promise<{ provider: Provider; version: string }> {
  const now = context.clock.now();
  const provider: Provider = { domains: [], ...input, status: 'active', createdAt: now, updatedAt: now };
  const commit = await context.repository.commit([
    ...context.repository.insertProvider(provider),
    ...context.audit.writes({
      action: 'provider.admit',
      outcome: 'allowed',
      actor: auditActor(by),
      provider: provider.id,
    }),
    ...(await context.events.writes('provider.admitted.v1', { provider: provider.id })),
  ]);
  if (!commit.ok)
    throw new Fault<RegistryErrorCode>('provider_exists', `There is a provider ${provider.id} already.`);
  return { provider, version: commit.version };
}

/**
 * Suspending takes all agents of the provider off at once, at the token endpoint and at the gateway.
 * Throws `not_found`, `precondition_failed`, `conflict`.
 */
export async function setProviderStatus(
  context: RegistryContext,
  id: string,
  status: 'active' | 'suspended',
  reason: string,
  update: Update,
): Promise<{ provider: Provider; version: string }> {
  const record = await requireProvider(context, id);
  if (update.version !== undefined && update.version !== record.version)
    throw new Fault('precondition_failed', 'The provider has changed since it was read.');
  const provider: Provider = {
    ...record.value,
    status,
    statusReason: reason,
    updatedAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    context.repository.replaceProvider(provider, record.version),
    ...context.audit.writes({
      action: status === 'suspended' ? 'provider.suspend' : 'provider.reinstate',
      outcome: 'allowed',
      actor: auditActor(update.by),
      provider: id,
      detail: { reason },
    }),
    ...(status === record.value.status
      ? []
      : await context.events.writes(
          status === 'suspended' ? 'provider.suspended.v1' : 'provider.reinstated.v1',
          { provider: id },
        )),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The provider was changed by somebody else at the same time. Read it again.');
  return { provider, version: commit.version };
}

export async function requireProvider(context: RegistryContext, id: string): Promise<StoredRecord<Provider>> {
  const record = await context.repository.provider(id);
  if (record === undefined) throw new Fault('not_found', `There is no provider ${id}.`);
  return record;
}
