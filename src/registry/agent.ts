import type { Provider } from './provider.ts';

export type AgentStatus = 'draft' | 'published' | 'suspended' | 'retired';

/** One addressable instance of an agent. */
export interface Deployment {
  readonly id: string;
  /** `pooled` serves many tenants, `siloed` the one in `tenant`. */
  readonly model: 'pooled' | 'siloed';
  readonly tenant?: string;
  readonly region?: string;
  /** The JSON-RPC endpoint. */
  readonly url: string;
  readonly protocolVersion: '1.0';
  /** A2A's routing key of the upstream interface: put into each request, never an identity. */
  readonly upstreamTenant?: string;
  /** The audience of tokens for this deployment; belongs to one agent across the broker. */
  readonly resource: string;
  /**
   * Issuer of the provider's own authorization server: this deployment takes its access tokens, and whoever calls it directly
   * gets an ID-JAG for it from us. Absent: it takes ours.
   */
  readonly authorizationServer?: string;
  /** The broker's own id there, as which the gateway gets its tokens; absent: the broker's issuer. */
  readonly brokerClientId?: string;
  /** Tokens for it carry the tenant as an AWS session tag: see docs/guides/aws.md. */
  readonly awsSessionTags?: boolean;
  /** Share among equals, 1 to 1000. */
  readonly weight: number;
  /** `draining` keeps its running tasks and gets no new ones. */
  readonly state: 'active' | 'draining' | 'down';
}

export interface SkillSummary {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
}

/**
 * What a provider offers under `provider/name`. Deployments are part of the record, so that relaying a call reads one
 * record to know where it can go.
 */
export interface Agent {
  /** `provider/name`. */
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  readonly description: string;
  readonly status: AgentStatus;
  readonly statusReason?: string;
  /** The operator suspended it: its provider cannot publish it again. */
  readonly heldByOperator?: boolean;
  /** Where the card was fetched, exactly as registered; absent for a card given inline. */
  readonly cardUrl?: string;
  /** SHA-256 of the canonical card: the current card version. */
  readonly cardDigest: string;
  /** Scopes that a token for this agent may carry. */
  readonly scopes: readonly string[];
  readonly streaming: boolean;
  readonly skills: readonly SkillSummary[];
  readonly deployments: readonly Deployment[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What the gateway and the token endpoint need to know of an agent. */
export interface CallableAgent extends Pick<
  Agent,
  'id' | 'provider' | 'status' | 'scopes' | 'streaming' | 'skills' | 'deployments'
> {
  readonly providerStatus: Provider['status'];
}

/** One immutable, content-addressed revision of an agent's card. */
export interface CardVersion {
  readonly digest: string;
  /** The provider's own text, byte for byte. */
  readonly original: string;
  readonly createdAt: number;
}

/** Every agent has these; its own scopes come on top. */
export const builtInScopes = ['a2a:invoke', 'a2a:read'] as const;

export function agentId(provider: string, name: string): string {
  return `${provider}/${name}`;
}

/** Published, by an active provider: anybody may see and call it, given a subscription. */
export function isOnOffer(agent: Pick<CallableAgent, 'status' | 'providerStatus'>): boolean {
  return agent.status === 'published' && agent.providerStatus === 'active';
}
