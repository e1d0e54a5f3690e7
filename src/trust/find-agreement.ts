import { partyKind } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import { isInForce } from './make-agreement.ts';
import type { Agreement, Client } from './model.ts';
import { recent } from './recent-facts.ts';
import { invalidTarget } from './resolve-target.ts';

/**
 * The agreement under which a client's company may pass the tenant's context to the target's company: `undefined` when
 * none is needed (a tenant's own client, or an agent of the same company); the newest where several fit. Throws
 * `invalid_target` when there is none.
 */
export async function findAgreement(
  context: TrustContext,
  client: Client,
  target: { readonly provider: string; readonly tenant: string },
): Promise<Agreement | undefined> {
  const to = `provider:${target.provider}` as const;
  if (partyKind(client.owner) === 'tenant' || client.owner === to) return undefined;
  const now = context.clock.now();
  const between = { from: client.owner, to, tenant: target.tenant };
  for await (const { value: agreement } of context.repository.eachAgreement(between, recent)) {
    if (!isInForce(agreement, now)) continue;
    if (agreement.tenants === undefined || agreement.tenants.includes(target.tenant)) return agreement;
  }
  throw invalidTarget('agreement_missing');
}
