export type TenancyErrorCode =
  | 'tenant_exists'
  | 'agent_not_offered'
  | 'scope_not_offered'
  | 'unknown_plan'
  | 'account_taken';

export const tenancyErrors = {
  tenant_exists: { status: 409, title: 'The tenant id is taken' },
  agent_not_offered: { status: 422, title: 'No such agent is on offer' },
  scope_not_offered: { status: 422, title: 'The agent does not publish this scope' },
  account_taken: { status: 409, title: 'The provider knows another tenant under this id' },
  unknown_plan: { status: 422, title: 'No such plan' },
} as const satisfies Record<TenancyErrorCode, { status: number; title: string }>;
