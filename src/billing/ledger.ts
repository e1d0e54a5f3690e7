import type { Store, Write } from '../storage/port.ts';
import { periodOf } from './period.ts';
import { type Periods, postsTo } from './period-repository.ts';
import { digestOf, type NewUsage, type UsageRecord } from './usage-record.ts';
import type { UsageRepository } from './usage-repository.ts';

export type Appended = 'accepted' | 'duplicate' | 'conflict';

type AppendOutcome =
  | {
      readonly ok: true;
      /** Keys of the facts that were new. */
      readonly written: ReadonlySet<string>;
      /** What is on record for each key: the digest of whoever was first. */
      readonly recorded: ReadonlyMap<string, string>;
    }
  | { readonly ok: false; readonly failedAlongside: readonly number[] };

/** Two records each; leaves room in a commit for the guard and for what is written alongside. */
const factsPerCommit = 40;
const maxAttempts = 10;

/** The one way into the books: facts are appended, never changed. */
export interface Ledger {
  /** For each, in order, what became of it. Durable when resolved. */
  append(facts: readonly NewUsage[]): Promise<readonly Appended[]>;
  /**
   * All new facts and `alongside` in one commit, known facts left out; or nothing, when a write of `alongside` does not hold.
   * At most {@link factsPerCommit} facts, each key once.
   */
  appendWith(facts: readonly NewUsage[], alongside: readonly Write[]): Promise<AppendOutcome>;
}

export function createLedger(deps: {
  readonly store: Store;
  readonly periods: Periods;
  readonly usage: UsageRepository;
}): Ledger {
  const { store, periods, usage } = deps;

  async function appendWith(facts: readonly NewUsage[], alongside: readonly Write[]): Promise<AppendOutcome> {
    const digests = new Map(facts.map((fact) => [fact.key, digestOf(fact)]));
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const known = await usage.digests([...digests.keys()]);
      const frontier = await periods.frontier(facts[0]?.key);
      const records = facts
        .filter(({ key }) => !known.has(key))
        .map((fact): UsageRecord => {
          const chargePeriod = periodOf(fact.at);
          // The copy comes last: members that are added to one cost several times as much, here and when it becomes text.
          return { period: postsTo(chargePeriod, frontier), chargePeriod, ...fact };
        });
      await usage.writeIndexes(records);
      const writes = [
        ...alongside,
        ...(records.length === 0 ? [] : [frontier.guard]),
        ...records.flatMap((record) => usage.insertFact(record, digests.get(record.key) ?? '')),
      ];
      const commit = writes.length === 0 ? undefined : await store.commit(writes);
      if (commit === undefined || commit.ok)
        return {
          ok: true,
          written: new Set(records.map(({ key }) => key)),
          recorded: new Map([...digests, ...known]),
        };
      const failedAlongside = commit.failed.filter((index) => index < alongside.length);
      if (failedAlongside.length > 0) return { ok: false, failedAlongside };
      // A close began, or somebody told the same fact at the same moment: look again.
    }
    throw new Error('usage could not be appended: others keep changing the same facts');
  }

  return {
    appendWith,

    async append(facts) {
      // The same key twice in one batch: the first one counts, the others are told what they are.
      const firsts = new Map<string, NewUsage>();
      for (const fact of facts) if (!firsts.has(fact.key)) firsts.set(fact.key, fact);
      const distinct = [...firsts.values()];
      const commits = [];
      for (let start = 0; start < distinct.length; start += factsPerCommit)
        commits.push(appendWith(distinct.slice(start, start + factsPerCommit), []));
      const outcomes = (await Promise.all(commits)).filter((outcome) => outcome.ok);
      const written = new Set(outcomes.flatMap((outcome) => [...outcome.written]));
      const recorded = new Map(outcomes.flatMap((outcome) => [...outcome.recorded]));
      return facts.map((fact) => {
        if (written.has(fact.key) && firsts.get(fact.key) === fact) return 'accepted';
        return recorded.get(fact.key) === digestOf(fact) ? 'duplicate' : 'conflict';
      });
    },
  };
}
