import type { JsonObject } from '../kernel/json.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import { evaluateMapping } from './cel-mapping.ts';
import type { TrustContext } from './deps.ts';
import type { TenantMapping, TrustRecord } from './model.ts';
import { recent } from './recent-facts.ts';
import { isSpeakerActive } from './standing.ts';
import { linkId } from './tenant-link-repository.ts';
import { refusedToken } from './verify-issuer-token.ts';

/** A tenant's external id, as an issuer's tokens name it. */
export const maxExternalIdLength = 255;

export interface MappedTenant {
  readonly tenant: string;
  /** Absent: the issuer is the tenant's own, and speaks for no other. */
  readonly externalTenant?: string;
}

/**
 * For which tenant an issuer speaks in this token: its owner, or the one to which the mapped external id is linked, by its owner and
 * by that tenant. A tenant that the token names itself counts for nothing. Throws `invalid_request`.
 */
export async function mapTenant(
  context: TrustContext,
  record: TrustRecord,
  claims: JsonObject,
): Promise<MappedTenant> {
  const mapping = record.tenantMapping ?? { kind: 'fixed' };
  if (mapping.kind === 'fixed') {
    if (partyKind(record.owner) !== 'tenant') throw refusedToken('subject_issuer_not_tenants');
    return { tenant: partyId(record.owner) };
  }
  const externalTenant = await externalTenantOf(mapping, claims);
  if (externalTenant === undefined) throw refusedToken('subject_tenant_unmapped');
  const { issuer } = record;
  const id = linkId(issuer, externalTenant);
  const stated = (await context.links.get('issuer', { id, issuer, tenant: '' }, recent))?.value;
  if (stated === undefined) throw refusedToken('subject_tenant_unlinked');
  const agreed = await context.links.get('tenant', stated, recent);
  if (agreed === undefined) throw refusedToken('subject_tenant_unlinked');
  const { tenant } = stated;
  if (
    !(await isSpeakerActive(context, record, tenant, recent)) &&
    !(await isSpeakerActive(context, record, tenant))
  )
    throw refusedToken('subject_issuer_owner_not_active');
  if (contradicts(claims['tenant'], mapping, tenant)) throw refusedToken('subject_tenant_self_asserted');
  return { tenant, externalTenant };
}

async function externalTenantOf(
  mapping: Exclude<TenantMapping, { readonly kind: 'fixed' }>,
  claims: JsonObject,
): Promise<string | undefined> {
  const found =
    mapping.kind === 'claim' ? claims[mapping.claim] : await evaluateMapping(mapping.expression, claims);
  const isUsable = typeof found === 'string' && found !== '' && found.length <= maxExternalIdLength;
  return isUsable ? found : undefined;
}

/** A `tenant` of its own that says another than the links do; unless that very claim is what is mapped. */
function contradicts(asserted: unknown, mapping: TenantMapping, tenant: string): boolean {
  if (asserted === undefined || asserted === tenant) return false;
  return mapping.kind === 'claim' && mapping.claim !== 'tenant';
}
