export type BillingErrorCode =
  | 'meter_exists'
  | 'unknown_meter'
  | 'plan_exists'
  | 'contract_exists'
  | 'unknown_provider'
  | 'period_not_over'
  | 'earlier_period_open'
  | 'tie_out_failed';

export const billingErrors = {
  meter_exists: { status: 409, title: 'The meter key is taken' },
  unknown_meter: { status: 422, title: 'No such meter' },
  plan_exists: { status: 409, title: 'The plan key is taken' },
  contract_exists: { status: 409, title: 'A contract begins on that date already' },
  unknown_provider: { status: 422, title: 'No such provider' },
  period_not_over: { status: 409, title: 'The period is not over' },
  earlier_period_open: { status: 409, title: 'An earlier period is open' },
  tie_out_failed: { status: 500, title: 'The books do not balance' },
} as const satisfies Record<BillingErrorCode, { status: number; title: string }>;
