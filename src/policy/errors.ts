export type PolicyErrorCode = 'policy_exists' | 'policy_invalid' | 'too_many_policies' | 'unknown_party';

export const policyErrors = {
  policy_exists: { status: 409, title: 'The policy id is taken' },
  policy_invalid: { status: 422, title: 'The policy cannot be used' },
  too_many_policies: { status: 409, title: 'There are as many policies as there may be' },
  unknown_party: { status: 422, title: 'No such provider or tenant' },
} as const satisfies Record<PolicyErrorCode, { status: number; title: string }>;
