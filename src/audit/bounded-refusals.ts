import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AuditEntry } from './entry.ts';

const windowMs = 60_000;
const perWindow = 20;
const maxKinds = 10_000;

/**
 * For refusals that somebody can cause as fast as they can ask: of one kind, the first {@link perWindow} of a minute are entries;
 * of those after them the next entry of that kind says how many there were.
 */
export interface BoundedRefusals {
  /** The entry to write, or `undefined` when there were enough of this kind. `kind`: who, what and why, never what was sent. */
  admit(kind: string, entry: AuditEntry): AuditEntry | undefined;
}

export function createBoundedRefusals({ clock }: { readonly clock: Clock }): BoundedRefusals {
  const kinds = new BoundedCache<{ readonly since: number; written: number; unwritten: number }>(maxKinds);
  return {
    admit(kind, entry) {
      const now = clock.now();
      const known = kinds.get(kind);
      const isCurrent = known !== undefined && now >= known.since && now - known.since < windowMs;
      if (isCurrent && known.written === perWindow) {
        known.unwritten++;
        return undefined;
      }
      if (isCurrent) known.written++;
      else kinds.set(kind, { since: now, written: 1, unwritten: 0 });
      const unwritten = isCurrent ? 0 : (known?.unwritten ?? 0);
      return unwritten === 0 ? entry : { ...entry, detail: { ...entry.detail, notListedBefore: unwritten } };
    },
  };
}
