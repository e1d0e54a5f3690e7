import { type Check, fail, ok } from './check.ts';

/** What clocks of a fleet may differ by. */
const toleranceMs = 5_000;
/** Before this program was written. */
const earliest = Date.UTC(2026, 0, 1);

/** Times are epoch milliseconds. Tokens and usage carry this clock's time: one that went back refuses what it has issued itself. */
export function judgeClock(now: number, newestEntry: number | undefined): Check {
  const name = 'clock';
  const advice = 'Set this machine’s clock (NTP) before the broker goes on: tokens and bills depend on it.';
  const said = new Date(now).toISOString();
  if (now < earliest) return fail(name, `it says ${said}, which is long past`, advice);
  if (newestEntry === undefined)
    return ok(name, `it says ${said}; there is nothing in the store to compare it with`);
  const newest = new Date(newestEntry).toISOString();
  return newestEntry > now + toleranceMs
    ? fail(name, `it says ${said}, but the newest audit entry is of ${newest}`, advice)
    : ok(name, `not behind the newest audit entry (${newest})`);
}
