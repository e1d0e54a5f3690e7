import type { CastTenant, Program } from './cast.ts';
import { operator, type TrustWorld } from './world.ts';

const by = { by: operator };

/**
 * The chain: a user of acme → a program of `portals` → the concierge → flights → payments. Each case takes one thing away, and
 * says what is then answered to the live token for payments (at the gateway) and to passing on the token for flights.
 */
export interface Case {
  readonly name: string;
  readonly take: (cast: Cast) => Promise<unknown>;
  /** {@link StandingProblem} of the live token for payments. */
  readonly live: string;
  /** Refusal of the exchange that passes the token for flights on to payments. */
  readonly exchange: string;
}

export interface Cast {
  readonly world: TrustWorld;
  readonly acme: CastTenant;
  readonly portal: Program;
  readonly agreements: Readonly<Record<'flights' | 'payments' | 'concierge', string>>;
}

const tenant = 'TENANT_CONTEXT_INVALID';
const gone = 'invalid_request token_revoked';

export const cases: readonly Case[] = [
  {
    name: 'the tenant is suspended',
    take: ({ world }) => world.tenancy.suspendTenant('acme', 'unpaid', by),
    live: tenant,
    exchange: gone,
  },
  {
    name: 'the tenant’s issuer is disabled',
    take: ({ world, acme }) =>
      world.trust.setIssuerStatus('tenant:acme', acme.issuerId, 'disabled', operator),
    live: tenant,
    exchange: gone,
  },
  {
    name: 'the user is blocked',
    take: ({ world, acme }) =>
      world.trust.blockUser('acme', { issuer: acme.issuer, subject: 'user-1' }, 'left', operator),
    live: tenant,
    exchange: gone,
  },
  ...(['portals-app', 'helpers-concierge'] as const).map((client) => ({
    name: `the client ${client} of an earlier hop is disabled`,
    take: ({ world }: Cast) => world.trust.changeClient(client, { status: 'disabled' }, by),
    live: tenant,
    exchange: gone,
  })),
  {
    name: 'the client of the last hop is disabled',
    take: ({ world }) => world.trust.changeClient('skyways-flights', { status: 'disabled' }, by),
    live: tenant,
    exchange: 'invalid_client client_disabled',
  },
  {
    name: 'the company of the first program is suspended',
    take: ({ world }) => world.registry.setProviderStatus('portals', 'suspended', 'trouble', by),
    live: tenant,
    exchange: gone,
  },
  ...(['concierge', 'flights'] as const).map((agreement) => ({
    name: `the agreement for an earlier hop, to ${agreement}, is revoked`,
    take: ({ world, agreements }: Cast) =>
      world.trust.revokeAgreement(agreements[agreement], 'breach', operator),
    live: 'AGREEMENT_REVOKED',
    exchange: gone,
  })),
  {
    name: 'the agreement for the last hop is revoked',
    take: ({ world, agreements }) => world.trust.revokeAgreement(agreements.payments, 'breach', operator),
    live: 'AGREEMENT_REVOKED',
    exchange: 'invalid_target agreement_missing',
  },
  ...(['helpers/concierge', 'skyways/flights'] as const).map((agent) => ({
    name: `the agent ${agent} of an earlier hop is suspended`,
    take: ({ world }: Cast) => world.registry.moveAgent(agent, 'suspend', 'trouble', by),
    live: 'AGENT_UNAVAILABLE',
    exchange: gone,
  })),
  {
    name: 'the provider of an earlier hop is suspended',
    take: ({ world }) => world.registry.setProviderStatus('helpers', 'suspended', 'trouble', by),
    live: 'AGENT_UNAVAILABLE',
    exchange: gone,
  },
  {
    name: 'the last agent is suspended',
    take: ({ world }) => world.registry.moveAgent('northpay/payments', 'suspend', 'trouble', by),
    live: 'AGENT_UNAVAILABLE',
    exchange: 'invalid_target agent_unavailable',
  },
  {
    name: 'the last provider is suspended',
    take: ({ world }) => world.registry.setProviderStatus('northpay', 'suspended', 'trouble', by),
    live: 'AGENT_UNAVAILABLE',
    exchange: 'invalid_target agent_unavailable',
  },
  ...(['helpers/concierge', 'skyways/flights'] as const).map((agent) => ({
    name: `the subscription to ${agent} of an earlier hop is cancelled`,
    take: ({ world }: Cast) => cancel(world, agent),
    live: 'NOT_SUBSCRIBED',
    exchange: gone,
  })),
  {
    name: 'the subscription to the last agent is cancelled',
    take: ({ world }) => cancel(world, 'northpay/payments'),
    live: 'NOT_SUBSCRIBED',
    exchange: 'invalid_target not_subscribed',
  },
];

async function cancel(world: TrustWorld, agent: string): Promise<unknown> {
  const subscription = await world.tenancy.findSubscription('acme', agent);
  return world.tenancy.cancelSubscription('acme', subscription?.id ?? '', operator);
}
