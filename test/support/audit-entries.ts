import { createAudit } from '../../src/audit/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Store } from '../../src/storage/port.ts';

/** The latest thousand entries, oldest first. */
export async function auditEntries(store: Store) {
  const { items } = await createAudit({ store, clock: systemClock, ids: systemIds }).list({ limit: 1000 });
  return items.map(({ value }) => value).toReversed();
}
