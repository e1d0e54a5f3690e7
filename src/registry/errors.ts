export type RegistryErrorCode =
  | 'provider_exists'
  | 'provider_not_active'
  | 'agent_exists'
  | 'deployment_exists'
  | 'resource_taken'
  | 'card_invalid'
  | 'card_unreachable'
  | 'wrong_state';

export const registryErrors = {
  provider_exists: { status: 409, title: 'The provider id is taken' },
  provider_not_active: { status: 409, title: 'The provider is not active' },
  agent_exists: { status: 409, title: 'The agent id is taken' },
  deployment_exists: { status: 409, title: 'The deployment id is taken' },
  resource_taken: { status: 409, title: 'Another agent has this resource' },
  card_invalid: { status: 422, title: 'The agent card is not valid' },
  card_unreachable: { status: 422, title: 'The agent card could not be fetched' },
  wrong_state: { status: 409, title: 'Not possible in this state' },
} as const satisfies Record<RegistryErrorCode, { status: number; title: string }>;
