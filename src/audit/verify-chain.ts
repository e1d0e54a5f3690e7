import { type AuditRecord, entryHash, type Place } from './entry.ts';

/** `missing`: removed. `altered`: the next entry was made for another text of this one. `lost_log`: nothing is left of a whole log. */
export interface ChainProblem {
  readonly kind: 'missing' | 'altered' | 'lost_log';
  readonly log: string;
  readonly seq: number;
  /** Of the entry, where there is one. */
  readonly id?: string;
}

export interface ChainReport {
  readonly entries: number;
  /** From before there was a chain. */
  readonly unchained: number;
  readonly logs: number;
  /** Numbers of entries whose commit failed: what they told did not happen. */
  readonly unused: number;
  /** The last of each log: whoever notes them down can tell later whether anything up to there was changed. */
  readonly heads: readonly Place[];
  /** At most {@link maxProblems}, in the order in which they were found. */
  readonly problems: readonly ChainProblem[];
}

export const maxProblems = 100;
/** Entries are given in the order of their ids, which differs from that of a log by what was under way at one moment. */
const maxAhead = 1000;
/** Another log names one of the latest hundred entries when it begins. */
const maxRecent = 200;

interface LogState {
  /** The next to be tied on. */
  next: number;
  /** Of the entry before; `undefined` after a hole. */
  hash: string | undefined;
  id: string | undefined;
  /** Came before those below them. */
  readonly ahead: Map<number, AuditRecord>;
  readonly skipped: Map<number, string>;
  /** Up to here a hole is a removal. */
  settled: number;
  /** Hashes of the latest. */
  readonly recent: Map<number, string>;
}

/**
 * Checks entries, given oldest first, against their chain, and against `heads` that somebody noted down: needs nothing else, so
 * whoever has a copy can do it. What it cannot see: that the newest entries of a log are gone, unless a later log names them; and entries that were under way when
 * a process was killed, which were never acknowledged.
 */
export function createChainVerifier(heads: readonly Place[] = []) {
  const logs = new Map<string, LogState>();
  /** What somebody noted down and has not been come by yet. */
  const noted = new Map(heads.map((head) => [`${head.log} ${head.seq}`, head]));
  const problems: ChainProblem[] = [];
  const named: Place[] = [];
  let entries = 0;
  let unchained = 0;
  let unused = 0;

  function report(problem: ChainProblem): void {
    if (problems.length < maxProblems) problems.push(problem);
  }

  function stateOf(log: string): LogState {
    const known = logs.get(log);
    if (known !== undefined) return known;
    const made: LogState = {
      next: 1,
      hash: '',
      id: undefined,
      ahead: new Map(),
      skipped: new Map(),
      settled: 0,
      recent: new Map(),
    };
    logs.set(log, made);
    return made;
  }

  function remember(log: string, state: LogState, seq: number, hash: string): void {
    const head = noted.get(`${log} ${seq}`);
    if (head !== undefined && head.hash !== hash) report({ kind: 'altered', log, seq });
    noted.delete(`${log} ${seq}`);
    state.hash = hash;
    state.recent.set(seq, hash);
    state.recent.delete(seq - maxRecent);
  }

  /** What another log says of this place, as far as it is still known; answers whether it has been reached. */
  function compare({ log, seq, hash }: Place): boolean {
    const state = logs.get(log);
    if (state === undefined || state.next <= seq) return false;
    if (state.recent.has(seq) && state.recent.get(seq) !== hash) report({ kind: 'altered', log, seq });
    return true;
  }

  function tie(log: string, state: LogState, entry: AuditRecord): void {
    const seq = state.next;
    if (state.hash !== undefined && entry.chain?.prev !== state.hash)
      report({ kind: 'altered', log, seq: seq - 1, ...(state.id === undefined ? {} : { id: state.id }) });
    remember(log, state, seq, entryHash(entry));
    state.id = entry.id;
    state.next++;
  }

  /** As far as entries follow on one another. */
  function advance(log: string, state: LogState): void {
    for (;;) {
      const entry = state.ahead.get(state.next);
      const hash = state.skipped.get(state.next);
      if (entry !== undefined) {
        state.ahead.delete(state.next);
        tie(log, state, entry);
      } else if (hash === undefined) return;
      else {
        remember(log, state, state.next, hash);
        unused++;
        state.id = undefined;
        state.next++;
      }
      state.skipped.delete(state.next - 1);
    }
  }

  /** Goes on behind a hole. */
  function jump(log: string, state: LogState): void {
    const found = Math.min(...state.ahead.keys(), ...state.skipped.keys());
    for (let seq = state.next; seq < found && seq <= state.settled && problems.length < maxProblems; seq++)
      report({ kind: 'missing', log, seq });
    state.next = found;
    state.hash = undefined;
    state.id = undefined;
    advance(log, state);
  }

  return {
    add(entry: AuditRecord): void {
      entries++;
      const { chain } = entry;
      if (chain === undefined) {
        unchained++;
        return;
      }
      const state = stateOf(chain.log);
      state.settled = Math.max(state.settled, chain.settled);
      for (const { seq, hash } of chain.skipped ?? []) if (seq >= state.next) state.skipped.set(seq, hash);
      if (chain.seq === 1) named.push(...(chain.after ?? []).filter((place) => !compare(place)));
      // An entry that is there twice, or beside what was skipped and then was written after all.
      if (chain.seq >= state.next) state.ahead.set(chain.seq, entry);
      else if (state.recent.has(chain.seq) && state.recent.get(chain.seq) !== entryHash(entry))
        report({ kind: 'altered', log: chain.log, seq: chain.seq, id: entry.id });
      advance(chain.log, state);
      if (state.ahead.size > maxAhead) jump(chain.log, state);
    },

    end(): ChainReport {
      for (const [log, state] of logs) while (state.ahead.size > 0) jump(log, state);
      for (const place of [...noted.values(), ...named]) {
        if (compare(place)) continue;
        const { log, seq } = place;
        report({ kind: logs.has(log) ? 'missing' : 'lost_log', log, seq });
      }
      const ends = [...logs].flatMap(([log, { next, hash }]) =>
        hash === undefined || hash === '' ? [] : [{ log, seq: next - 1, hash }],
      );
      return { entries, unchained, unused, logs: logs.size, heads: ends, problems };
    },
  };
}
