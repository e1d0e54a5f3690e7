/** The consuming organisation; `id` is the universal tenant id, the same across all providers. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  /** Free name of a service level, such as `standard`; carried to agents. */
  readonly tier: string;
  /** Where the tenant is at home, such as `eu-central-1`; preferred when a deployment is chosen. */
  readonly region?: string;
  /** The only regions in which its calls may be served. Absent: anywhere. */
  readonly residency?: readonly string[];
  readonly status: 'active' | 'suspended';
  readonly statusReason?: string;
  /** Some of its users were blocked at one time. Without it nobody has to look whether this one is: most tenants never block any. */
  readonly blocksUsers?: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Somebody at one issuer of a tenant. */
export interface User {
  readonly issuer: string;
  /** `sub` there. */
  readonly subject: string;
}

/** A user in whose name nothing is done for this tenant. */
export interface BlockedUser extends User {
  /** Names the user where its subject must not be told, as in events and the audit log. */
  readonly id: string;
  readonly tenant: string;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly blockedAt: number;
}

/**
 * A tenant's right to use an agent, and the grant record behind every token that says no scope itself, such as an ID token: for
 * whom, for which agent, up to which scopes, by whose decision and until when. The last one of (tenant, agent) is what counts now; those
 * before it are history.
 */
export interface Subscription {
  readonly id: string;
  readonly tenant: string;
  /** `provider/agent`. */
  readonly agent: string;
  readonly plan?: string;
  /** The most that a token for this tenant and agent may carry. */
  readonly scopes: readonly string[];
  /** The provider's own id for the tenant. */
  readonly audTenant?: string;
  /** Who decided it: as they said, or who asked for it. */
  readonly approver: string;
  readonly status: 'active' | 'cancelled';
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly cancelledAt?: number;
}

export function isLive(subscription: Subscription | undefined, now: number): subscription is Subscription {
  if (subscription === undefined || subscription.status !== 'active') return false;
  return subscription.expiresAt === undefined || subscription.expiresAt > now;
}
