import type { Write } from '../storage/port.ts';
import type { BillingContext } from './deps.ts';
import { parseQuantity } from './quantity.ts';
import { sourceOf, usageKey } from './usage-record.ts';

/** What the gateway saw. Its `id` is given by its meaning, so that telling it again changes nothing. */
export interface ObservedUsage {
  readonly id: string;
  readonly tenant: string;
  readonly provider: string;
  /** `provider/agent` */
  readonly agent: string;
  readonly callId: string;
  readonly txn: string;
  readonly delegationId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Built-in meter → decimal. */
  readonly quantities: Readonly<Record<string, string>>;
  readonly dimensions?: Readonly<Record<string, string>>;
}

export type Observed = { ok: true } | { ok: false; failedAlongside: readonly number[] };

/**
 * Records observed usage together with `alongside`, in one durable commit. What is in the ledger already is left out; when a
 * write of `alongside` does not hold, nothing is written.
 */
export async function observeUsage(
  context: BillingContext,
  events: readonly ObservedUsage[],
  alongside: readonly Write[] = [],
): Promise<Observed> {
  const source = sourceOf(context.brokerUrl, 'gateway');
  const recordedAt = context.clock.now();
  const ids = events.map(({ id }) => id);
  // The same id twice is one fact, told twice.
  const distinct = events.filter(({ id }, index) => ids.indexOf(id) === index);
  const facts = distinct.map((event) => ({
    ...event,
    kind: 'observed' as const,
    source,
    key: usageKey(source, event.id),
    recordedAt,
    quantities: canonicalQuantities(context, event.quantities),
  }));
  const outcome = await context.ledger.appendWith(facts, alongside);
  return outcome.ok ? { ok: true } : outcome;
}

function canonicalQuantities(
  { meters }: Pick<BillingContext, 'meters'>,
  quantities: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(quantities).map(([meter, text]) => {
      // What is in the ledger is rated for ever after; what cannot be rated must not get there.
      if (!meters.isBuiltIn(meter)) throw new TypeError(`${meter} is no meter of the broker's`);
      const quantity = parseQuantity(text);
      if (quantity === undefined) throw new TypeError(`${meter} is no quantity: ${text}`);
      return [meter, quantity];
    }),
  );
}
