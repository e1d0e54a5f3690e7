import type { Party } from '../kernel/principal.ts';
import type { PolicyOwner } from './policy.ts';

/** What policies are asked about: one token that is about to be issued. */
export interface ExchangeFacts {
  readonly client: { readonly id: string; readonly owner: Party; readonly agent?: string | undefined };
  readonly agent: {
    /** `provider/agent`. */
    readonly id: string;
    readonly tags: readonly string[];
    readonly skills: readonly string[];
    readonly scopes: readonly string[];
  };
  readonly tenant: { readonly id: string; readonly tier: string; readonly region?: string | undefined };
  readonly scopes: readonly string[];
  readonly depth: number;
  /** Client ids in the chain, this one included. */
  readonly actors: readonly string[];
  /** Agents that were called on the way here. */
  readonly through: readonly string[];
  /** Epoch milliseconds. */
  readonly at: number;
  /** Of the user's token, where the chain began. */
  readonly issuer: string;
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
  readonly agreement?: string | undefined;
}

/** Who has a say: the operator, the tenant in whose name it is, the company that asks, and the company that is asked. */
export function ownersWithASay({ client, agent, tenant }: ExchangeFacts): readonly PolicyOwner[] {
  return [
    ...new Set<PolicyOwner>([
      'operator',
      `tenant:${tenant.id}`,
      client.owner,
      `provider:${providerOf(agent.id)}`,
    ]),
  ];
}

export function providerOf(agent: string): string {
  return agent.slice(0, agent.indexOf('/'));
}
