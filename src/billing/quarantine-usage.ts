import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { BillingContext } from './deps.ts';
import type { Quarantined } from './quarantine-repository.ts';

/** Leaves room in the commit for the event that reports them. */
const itemsPerCommit = 90;

/** Keeps what is not billed, for people to look at. Told again, an event is quarantined once, and reported once. */
export async function quarantineUsage(
  context: BillingContext,
  provider: string,
  items: readonly Quarantined[],
): Promise<void> {
  const distinct = [...new Map(items.map((item) => [context.quarantine.placeOf(item).sort, item])).values()];
  for (let start = 0; start < distinct.length; start += itemsPerCommit)
    await quarantineSome(context, provider, distinct.slice(start, start + itemsPerCommit));
}

async function quarantineSome(
  context: BillingContext,
  provider: string,
  items: readonly Quarantined[],
): Promise<void> {
  for (;;) {
    const kept = await context.quarantine.areKept(items);
    const fresh = items.filter((_, index) => kept[index] !== true);
    if (fresh.length === 0) return;
    const commit = await context.store.commit([
      ...fresh.map((item) => context.quarantine.insert(item)),
      ...(await context.events.writes('usage.quarantined.v1', {
        report: sha256(
          lengthPrefixed(provider, ...fresh.map((item) => context.quarantine.placeOf(item).sort)),
        ),
        provider,
        events: fresh.length,
        reasons: countOf(fresh.map(({ reason }) => reason)),
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
