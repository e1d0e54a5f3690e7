import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { PeriodKey } from './period.ts';

/** One fact of usage. Appended once, never changed. */
export interface UsageRecord {
  /** SHA-256 over the length-prefixed ledger, source and id: what makes it one fact, whenever and however often it is told. */
  readonly key: string;
  readonly kind: 'observed' | 'reported';
  readonly id: string;
  readonly source: string;
  readonly tenant: string;
  readonly provider: string;
  /** `provider/agent` */
  readonly agent: string;
  readonly callId: string;
  /** The provider's own, if it gave one. */
  readonly correlationId?: string;
  /** The transaction of the delegation: one for the whole chain of calls. */
  readonly txn: string;
  readonly delegationId: string;
  /** Event time: when it happened, epoch milliseconds. */
  readonly at: number;
  /** When we heard it. */
  readonly recordedAt: number;
  /** Meter → canonical decimal. */
  readonly quantities: Readonly<Record<string, string>>;
  readonly dimensions?: Readonly<Record<string, string>>;
  /** The period whose invoice has it. */
  readonly period: PeriodKey;
  /** The period in which it happened. Earlier than `period` for what came too late. */
  readonly chargePeriod: PeriodKey;
}

/** A fact before it is known to which period it posts. */
export type NewUsage = Omit<UsageRecord, 'period' | 'chargePeriod'>;

/** The CloudEvents `source` of what this party tells. */
export function sourceOf(brokerUrl: string, party: 'gateway' | `provider:${string}`): string {
  return `urn:${new URL(brokerUrl).host}:${party}`;
}

export function usageKey(source: string, id: string): string {
  return sha256(lengthPrefixed('usage', source, id));
}

/**
 * Of what was said under a key, without when we heard it: the same fact told again has the same digest. Digests are kept, so the
 * order of the members here is for ever.
 */
export function digestOf(fact: NewUsage): string {
  const told = {
    tenant: fact.tenant,
    agent: fact.agent,
    callId: fact.callId,
    correlationId: fact.correlationId,
    txn: fact.txn,
    delegationId: fact.delegationId,
    at: fact.at,
    quantities: sorted(fact.quantities),
    dimensions: fact.dimensions && sorted(fact.dimensions),
  } satisfies Record<Exclude<keyof NewUsage, SaidByTheKey | 'recordedAt'>, unknown>;
  return sha256(JSON.stringify(told));
}

type SaidByTheKey = 'key' | 'kind' | 'id' | 'source' | 'provider';

function sorted(values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
