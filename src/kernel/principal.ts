/** A company in the ecosystem: the owner of a client, an issuer, or one side of an agreement. */
export type Party = `provider:${string}` | `tenant:${string}`;

/** Who calls the management API. */
export type Principal =
  | { readonly kind: 'operator' }
  | {
      readonly kind: 'client';
      readonly clientId: string;
      readonly owner: Party;
      readonly scopes: readonly string[];
    };

/** Scopes of the management API, granted to a client by the operator and asked for with `client_credentials`. */
export const managementScopes = [
  'registry:read',
  'registry:write',
  'tenancy:read',
  'tenancy:write',
  'trust:read',
  'trust:write',
  'usage:read',
  'usage:write',
  'billing:read',
  'audit:read',
] as const;

export type ManagementScope = (typeof managementScopes)[number];

export function partyKind(party: Party): 'provider' | 'tenant' {
  return party.startsWith('provider:') ? 'provider' : 'tenant';
}

export function partyId(party: Party): string {
  return party.slice(party.indexOf(':') + 1);
}
