import { type Clock, epochSeconds } from '../../kernel/clock.ts';
import type { PlainRecord } from '../backup-format.ts';
import type { Store } from '../port.ts';
import { everythingIn } from './everything.ts';
import { type Tally, tally } from './tally.ts';
import { TransferError } from './transfer-error.ts';
import { isUnfinishedMark } from './unfinished.ts';

/** What expires while both sides are counted would differ for no reason. */
const horizonSeconds = 3600;

/**
 * Reads both sides anew and compares them. Records that expire within the hour are not looked at. Throws {@link TransferError}
 * `mismatch`.
 */
export async function compare(options: {
  readonly source: AsyncIterable<PlainRecord>;
  readonly target: Store;
  readonly clock: Clock;
  readonly progress: (count: number) => void;
}): Promise<Tally> {
  const horizon = epochSeconds(options.clock) + horizonSeconds;
  const expected = await tally(withoutMark(options.source), horizon);
  const found = await tally(withoutMark(everythingIn(options.target, options.progress)), horizon);
  if (found.count !== expected.count || found.digest !== expected.digest)
    throw new TransferError(
      'mismatch',
      `what was written is not what was read: ${found.count} records (${found.digest}) instead of ${expected.count} (${expected.digest})`,
    );
  return found;
}

async function* withoutMark<T extends PlainRecord>(records: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const record of records) if (!isUnfinishedMark(record)) yield record;
}
