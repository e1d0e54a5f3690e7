import type { TenantContext } from './tenant-context.ts';

const usageReportedType = 'a2a.broker.usage.reported.v1';

/** What a provider says was used in one call. */
export interface Usage {
  /** As verified for the call: who pays, and the delegation that the event is checked against. */
  readonly context: Pick<TenantContext, 'tenant' | 'txn' | 'delegationId'>;
  /** `provider/agent` */
  readonly agent: string;
  /** Meter → amount; a string is a decimal such as `0.25`, exact. */
  readonly quantities: Readonly<Record<string, string | number | bigint>>;
  /** Names this event for ever: reporting it again changes nothing. Default: a new random id. */
  readonly id?: string;
  /** The provider's own name of the call; default the delegation's id. */
  readonly callId?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
  /** Epoch milliseconds; default now. */
  readonly at?: number;
}

/** CloudEvents 1.0 (§3), JSON format. */
export interface UsageEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: typeof usageReportedType;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly tenantid: string;
  readonly providerid: string;
  readonly agentid: string;
  readonly callid: string;
  readonly correlationid: string;
  readonly delegationid: string;
  readonly data: {
    readonly quantities: Readonly<Record<string, string>>;
    readonly dimensions?: Readonly<Record<string, string>>;
  };
}

/** Throws `TypeError` for a quantity that is not an exact, non-negative decimal. */
export function usageEvent(
  usage: Usage,
  facts: { readonly broker: string; readonly provider: string; readonly id: string; readonly now: number },
): UsageEvent {
  const { context } = usage;
  return {
    specversion: '1.0',
    id: facts.id,
    source: `urn:${new URL(facts.broker).host}:provider:${facts.provider}`,
    type: usageReportedType,
    subject: `${context.tenant}/${usage.agent}`,
    time: new Date(usage.at ?? facts.now).toISOString(),
    datacontenttype: 'application/json',
    tenantid: context.tenant,
    providerid: facts.provider,
    agentid: usage.agent,
    callid: usage.callId ?? context.delegationId,
    correlationid: context.txn,
    delegationid: context.delegationId,
    data: {
      quantities: Object.fromEntries(
        Object.entries(usage.quantities).map(([meter, amount]) => [meter, decimal(meter, amount)]),
      ),
      ...(usage.dimensions === undefined ? {} : { dimensions: usage.dimensions }),
    },
  };
}

/** Numbers only where they say exactly what was meant: 0.1 + 0.2 must not reach a bill. */
function decimal(meter: string, amount: string | number | bigint): string {
  const text = String(amount);
  const exact = typeof amount !== 'number' || Number.isSafeInteger(amount);
  if (!exact || !/^(?:0|[1-9]\d{0,17})(?:\.\d{1,9})?$/.test(text))
    throw new TypeError(
      `The quantity of ${meter} must be a whole number, or a decimal string with at most 9 places: got ${text}.`,
    );
  return text;
}
