import type { Party } from '../kernel/principal.ts';

/** Whose rule it is: the operator's holds for every exchange, a party's for those in which it takes part. */
export type PolicyOwner = 'operator' | Party;

export type Effect = 'permit' | 'forbid';

/** One Cedar policy; its id is the owner's own, and says nothing to others. */
export interface Policy {
  readonly id: string;
  readonly owner: PolicyOwner;
  readonly description?: string;
  /** In Cedar's language: exactly one policy, valid against our schema. */
  readonly text: string;
  readonly enabled: boolean;
  readonly effect: Effect;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type ActivePolicy = Pick<Policy, 'id' | 'effect' | 'text'>;

/** What is asked of one owner at an exchange: everything of it that is enabled, in one record. */
export interface PolicySet {
  readonly owner: PolicyOwner;
  /** Disabled ones as well. */
  readonly total: number;
  readonly active: readonly ActivePolicy[];
}

/** How many owners of each kind have an enabled policy: without any, an exchange reads nothing more. */
export type ActiveOwners = Readonly<Record<OwnerKind, number>>;

export type OwnerKind = 'operator' | 'provider' | 'tenant';

export function ownerKind(owner: PolicyOwner): OwnerKind {
  if (owner === 'operator') return owner;
  return owner.startsWith('provider:') ? 'provider' : 'tenant';
}

export const maxPoliciesPerOwner = 50;
/** UTF-8. All enabled policies of an owner lie in one record. */
export const maxTextBytes = 4096;
