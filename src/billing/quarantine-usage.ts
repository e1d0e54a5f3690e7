import { epochSeconds } from '../kernel/clock.ts';
import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { BillingContext } from './deps.ts';
import { usageKey } from './ledger.ts';
import type { Quarantined } from './quarantined.ts';

const quarantinedSeconds = 90 * 24 * 3600;
/** Leaves room in the commit for the event that reports them. */
const itemsPerCommit = 90;

/** Keeps what is not billed, for people to look at. Told again, an event is quarantined once, and reported once. */
export async function quarantineUsage(
  context: BillingContext,
  provider: string,
  items: readonly Quarantined[],
): Promise<void> {
  const places = new Map(
    items.map((item) => [`${item.reason}#${usageKey(item.event.source, JSON.stringify(item.event))}`, item]),
  );
  const all = [...places.entries()];
  for (let start = 0; start < all.length; start += itemsPerCommit)
    await quarantineSome(context, provider, new Map(all.slice(start, start + itemsPerCommit)));
}

async function quarantineSome(
  context: BillingContext,
  provider: string,
  items: ReadonlyMap<string, Quarantined>,
): Promise<void> {
  const partition = `usage-quarantine#${provider}`;
  const expiresAt = epochSeconds(context.clock) + quarantinedSeconds;
  for (;;) {
    const known = await context.store.getMany([...items.keys()].map((sort) => ({ partition, sort })));
    const fresh = [...items.entries()].filter((_, index) => known[index] === undefined);
    if (fresh.length === 0) return;
    const commit = await context.store.commit([
      ...fresh.map(([sort, value]) => ({ op: 'putIfAbsent', partition, sort, value, expiresAt }) as const),
      ...(await context.events.writes('usage.quarantined.v1', {
        report: sha256(lengthPrefixed(provider, ...fresh.map(([sort]) => sort))),
        provider,
        events: fresh.length,
        reasons: countOf(fresh.map(([, { reason }]) => reason)),
      })),
    ]);
    if (commit.ok) return;
    // Somebody told one of them at the same moment: what is left is reported without it.
  }
}

function countOf(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
