import type { ReadOptions } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { Delegation, TrustRecord } from './model.ts';
import { linkId } from './tenant-link-repository.ts';

/** Whether the issuer still speaks for the tenant as it did when the chain began. */
export async function stillMaps(
  context: TrustContext,
  record: TrustRecord,
  { tenant, origin }: Delegation,
  options: ReadOptions,
): Promise<boolean> {
  const isFixed = (record.tenantMapping ?? { kind: 'fixed' }).kind === 'fixed';
  if (origin.externalTenant === undefined) return isFixed && record.owner === `tenant:${tenant}`;
  if (isFixed) return false;
  const { issuer } = record;
  const link = { id: linkId(issuer, origin.externalTenant), issuer, tenant };
  const [stated, agreed] = await Promise.all([
    context.links.get('issuer', link, options),
    context.links.get('tenant', link, options),
  ]);
  return stated?.value.tenant === tenant && agreed !== undefined;
}
